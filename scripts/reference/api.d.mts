export function apiPages(root: string): Readonly<Record<string, string>>;
