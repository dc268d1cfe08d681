/** The share of values in each bin, as the corners of a staircase. */
function staircase({low, high, counts}) {
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  const width = (high - low) / counts.length;
  return counts
    .map((count, i) => [low + i * width, (100 * count) / total])
    .concat([[high, (100 * counts[counts.length - 1]) / total]]);
}
