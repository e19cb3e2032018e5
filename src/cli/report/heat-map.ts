/**
 * A matrix of counts as an SVG heat map, such as labels against answers. Not here: what is counted.
 */
import { escapeHtml, svg } from './svg.js';

export interface HeatMap {
  readonly title: string;
  /** Names of both rows and columns. */
  readonly names: readonly string[];
  /** [row][column] */
  readonly counts: readonly ArrayLike<number>[];
  /** What a cell says when it is pointed at. */
  readonly hint: (row: number, column: number) => string;
}

const LABEL = 110;
const MOST_LABEL = 16;
/** Cells of many classes are small and carry no numbers. */
const MOST_WITH_TEXT = 20;
const CELL = { few: 32, many: 6 };

/**
 * A cell is the more opaque the larger its share of the row is. The diagonal has a colour of its
 * own; the other cells are drawn by the root of their share, so that few errors can be seen too.
 */
export function heatMap({ title, names, counts, hint }: HeatMap): string {
  const few = names.length <= MOST_WITH_TEXT;
  const cell = few ? CELL.few : CELL.many;
  const left = few ? LABEL : 4;
  const top = few ? 80 : 4;
  const side = names.length * cell;
  const cells = counts.flatMap((row, i) => {
    const total = Array.from(row).reduce((sum, count) => sum + count, 0) || 1;
    return names.map((_, j) => {
      const count = row[j] ?? 0;
      const [x, y] = [left + j * cell, top + i * cell];
      const share = count / total;
      const opacity = (i === j ? share : Math.sqrt(share)).toFixed(3);
      const text =
        few && count > 0
          ? `<text class="m" x="${x + cell / 2}" y="${y + cell / 2 + 3}">${count}</text>`
          : '';
      return (
        `<g><title>${escapeHtml(hint(i, j))}</title>` +
        `<rect class="s${i === j ? 0 : 1}" fill-opacity="${opacity}" x="${x}" y="${y}" ` +
        `width="${cell - 1}" height="${cell - 1}"/>${text}</g>`
      );
    });
  });
  const labels = few
    ? names.flatMap((name, i) => {
        const [at, text] = [i * cell + cell / 2, escapeHtml(shortened(name))];
        const turn = `transform="rotate(-45 ${left + at} ${top - 6})"`;
        return [
          `<text class="l" x="${left - 6}" y="${top + at}">${text}</text>`,
          `<text x="${left + at}" y="${top - 6}" ${turn}>${text}</text>`,
        ];
      })
    : [];
  return svg(left + side + 60, top + side + 4, title, [...labels, ...cells]);
}

function shortened(name: string): string {
  return name.length > MOST_LABEL ? `${name.slice(0, MOST_LABEL - 3)}...` : name;
}
