import type { Command } from 'commander';

export function cliPage(program: Command): string;
