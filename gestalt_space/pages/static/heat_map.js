"use strict";
/* A heat map: `left`, `top`, `width` and `height` are of its first cell, `values` are whole numbers of
   `bytes` bytes, row after row, `digits` of them behind the point; the lowest means that there is none.
   Where `half` is true the rows end on the diagonal: the other half is the same. */
pointing("cells", (data) => {
  const columns = data.columns ?? data.rows;
  const bytes = Uint8Array.from(atob(data.values), (letter) => letter.charCodeAt(0));
  const Whole = { 1: Int8Array, 2: Int16Array, 4: Int32Array }[data.bytes];
  const values = new Whole(bytes.buffer);
  const none = -(2 ** (8 * data.bytes - 1));
  const cell = (row, column) =>
    row < 0 || column < 0 || row >= data.rows.length || column >= columns.length
      ? null : row * columns.length + column;
  const row = (item) => Math.floor(item / columns.length), column = (item) => item % columns.length;
  function value(item) {
    if (!data.half) return values[item];
    const low = Math.min(row(item), column(item)), high = Math.max(row(item), column(item));
    return values[high * (high + 1) / 2 + low];
  }
  return {
    at: (x, y) =>
      cell(Math.floor((y - data.top) / data.height), Math.floor((x - data.left) / data.width)),
    step: (item, across, down) =>
      item === null ? cell(0, 0) : cell(row(item) + down, column(item) + across),
    words: (item) => `${data.rows[row(item)]} \u2013 ${columns[column(item)]}: ` + (
      value(item) === none ? data.empty
        : (value(item) / 10 ** data.digits).toFixed(data.digits).replace("-", "\u2212")),
    box: (item) => [data.left + column(item) * data.width, data.top + row(item) * data.height,
      data.width, data.height],
  };
});
