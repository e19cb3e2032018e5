/** Commands that look and list: inspect, zoo, doctor, completion. */
import { Argument } from 'commander';
import { oneOf } from '../choices.js';
import { SHELLS } from '../completion.js';
import { examplesText, kernels, ofStore, onModel, optimized, type Register } from './setup.js';

export const inspecting: Register = ({ command, io, exit, version, program }) => {
  kernels(
    optimized(
      ofStore(
        onModel(
          command(
            'inspect <model>',
            'inputs, outputs, layers, kernels and weight sizes; of a store, what it saves',
            [
              'bitplane inspect model.onnx',
              'bitplane inspect zoo:bi-real-18 --html network.html',
              'bitplane inspect model.onnx --raw --shape x=1,3,224,224',
            ],
          ),
        ),
      ),
    ),
  )
    .option('--raw', 'the graph as the file has it, before any optimization')
    .option('--html <file>', 'write a page with the network drawn')
    .action(async (model, flags) => (await import('../inspect.js')).inspect(model, flags, io));

  command('zoo', 'the networks of the papers, with their size and cost', [
    'bitplane zoo',
    'bitplane bench zoo:quick-net',
  ]).action(async (flags) => (await import('../zoo.js')).zoo(flags, io));

  command('doctor', 'what this machine offers, and why the addon does not load', [
    'bitplane doctor',
    'bitplane doctor --json',
  ]).action(async (flags) => exit((await import('../doctor.js')).doctor(version, flags, io)));

  program
    .command('completion')
    .description('a script that completes commands, options and their values in a shell')
    .addArgument(oneOf(new Argument('<shell>', 'whose script'), SHELLS))
    .addHelpText(
      'after',
      examplesText([
        'source <(bitplane completion bash)',
        'source <(bitplane completion zsh)',
        'bitplane completion fish > ~/.config/fish/completions/bitplane.fish',
      ]),
    )
    .option('--tasks <store>', 'only the names of the tasks of a store: what the script asks')
    .action(async (shell, { tasks }) => {
      const { completion, taskLines } = await import('../completion.js');
      io.stdout.write(await (tasks === undefined ? completion(shell, program) : taskLines(tasks)));
    });
};
