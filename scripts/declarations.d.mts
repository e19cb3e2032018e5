/** The types of declarations.mjs, for the tests. */
export interface PublicName {
  readonly name: string;
  readonly kind: string;
  readonly doc: string;
  readonly text: string;
  readonly file: string;
}
export interface HiddenType {
  readonly word: string;
  readonly file: string;
  readonly by: string;
}
export function publicNames(index: string): PublicName[];
export function hiddenTypes(index: string): HiddenType[];
