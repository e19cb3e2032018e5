/**
 * What the classes of CIFAR and MNIST are called, in the order of their numbers. Not here: the
 * labels of a model (recipe.ts).
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Of CIFAR-10. */
export const CIFAR10_LABELS = words(`
  airplane automobile bird cat deer dog frog horse ship truck
`);

/** The fine labels of CIFAR-100. */
export const CIFAR100_LABELS = words(`
  apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
  butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab
  crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
  keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse
  mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy
  porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper
  snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television
  tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
`);

/** Of MNIST. */
export const MNIST_LABELS = words('0 1 2 3 4 5 6 7 8 9');
