// Figures as a Markdown table: for the terminal and for README.md.

/** The rows of several benches. */
export function tableOf(results) {
  const rows = results.flatMap((result) => {
    if (result.error !== undefined) return [[result.title, `failed: ${firstLine(result.error)}`, '', '', '']];
    if (result.skipped !== undefined) return [[result.title, `skipped: ${result.skipped}`, '', '', '']];
    return result.figures.map(rowOf);
  });
  return alignedTable([['figure', 'median (least to greatest)', 'peer', 'goal', ''], ...rows]);
}

function firstLine(text) {
  return text.split('\n', 1)[0];
}

function rowOf(figure) {
  const { name, unit, median, min, max, rounds, goal, met, peer } = figure;
  const range = rounds > 1 ? ` (${shown(min)} to ${shown(max)})` : '';
  return [
    name,
    `${shown(median)} ${unit}${range}`.trim(),
    peer === undefined ? '' : `${peer.name} ${shown(peer.median)} ${unit}: ${shown(peer.ratio.median)}×`,
    goal === undefined
      ? ''
      : `${goal.relation === '>=' ? '≥' : '≤'} ${goal.value.toLocaleString('en')} ${unit}`.trim(),
    goal === undefined ? '' : met ? 'met' : '**missed**',
  ];
}

/** Three significant digits, thousands as they are. */
function shown(value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

function alignedTable([head, ...rows]) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
