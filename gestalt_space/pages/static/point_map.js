"use strict";
/* A map of points: `points` are their places in the SVG, `shared` what is said of each. */
pointing("points", (data, shared) => {
  const near = 12;
  const away = (item, x, y) => Math.hypot(data.points[item][0] - x, data.points[item][1] - y);
  const nearest = (items, x, y) =>
    items.reduce((best, item) =>
      best === null || away(item, x, y) < away(best, x, y) ? item : best, null);
  const all = [...data.points.keys()];
  return {
    at: (x, y) => {
      const found = nearest(all, x, y);
      return found !== null && away(found, x, y) < near ? found : null;
    },
    // The next in a direction: of those that lie more in it than beside it, the nearest.
    step: (item, across, down) => {
      if (item === null) return all.length ? 0 : null;
      const [x, y] = data.points[item];
      const ahead = all.filter((other) => {
        const [dx, dy] = [data.points[other][0] - x, data.points[other][1] - y];
        return dx * across + dy * down > Math.abs(dx * down) + Math.abs(dy * across);
      });
      return nearest(ahead, x, y);
    },
    words: (item) => shared[item],
    box: (item) => [data.points[item][0] - 8, data.points[item][1] - 8, 16, 16],
  };
});
