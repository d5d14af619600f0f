// Draws each `figure.chart` from the table under it, so that a chart and its table cannot differ: the
// first column is the x axis, each further one whose head has `data-plot` (a colour) is a series.
"use strict";
(() => {
  const HEIGHT = 200;

  const number = (cell) => {
    const text = cell.textContent.replace(/[^0-9.-]/g, "");
    return text === "" ? null : Number(text);
  };

  const short = (value) => {
    const size = Math.abs(value);
    const steps = document.documentElement.lang === "ko" ? [[1e8, "억"], [1e4, "만"]] : [[1e6, "M"], [1e4, "k", 1e3]];
    const step = steps.find(([least]) => size >= least);
    if (!step) return value.toLocaleString();
    return `${+(value / (step[2] ?? step[0])).toFixed(1)}${step[1]}`;
  };

  const read = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const plotted = heads.flatMap((head, at) => (head.dataset.plot === undefined ? [] : [{ head, at }]));
    return {
      labels: rows.map((row) => row.cells[0].textContent.trim()),
      of: heads[0].textContent.trim(),
      series: plotted.map(({ head, at }) => ({
        label: head.textContent.trim(),
        colour: `--plot-${head.dataset.plot}`,
        values: rows.map((row) => number(row.cells[at])),
      })),
    };
  };

  const draw = (figure) => {
    const place = figure.querySelector(".plot");
    const table = figure.querySelector("table");
    if (!table?.tBodies[0]?.rows.length) return;
    const { labels, of, series } = read(table);
    const style = getComputedStyle(figure);
    const colour = (name) => style.getPropertyValue(name).trim();
    const isBars = figure.dataset.kind === "bars";
    const line = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--soft"), grid: line, ticks: line, font: `12px ${style.fontFamily}` };
    const side = (at) => (series.length === 1 ? 0 : at === 0 ? -1 : 1);
    const look = (colour, at) =>
      isBars
        ? { fill: colour, width: 0, points: { show: false },
            paths: uPlot.paths.bars({ size: [0.7 / series.length, 40], align: side(at) }) }
        : { width: 2, dash: at === 0 ? undefined : [7, 4], points: { show: labels.length === 1 } };
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      cursor: { drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: () => [-0.6, labels.length - 0.4] },
        y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        { ...axis, grid: { show: false }, incrs: [1, 2, 5, 7, 10, 14, 30, 60, 90],
          values: (_, ticks) => ticks.map((at) => (labels[at] ?? "").replace(/^\d{4}-/, "")) },
        { ...axis, size: 60, values: (_, ticks) => ticks.map(short) },
      ],
      series: [
        { label: of, value: (_, at) => labels[at] ?? "–" },
        ...series.map((one, at) => ({
          label: one.label,
          stroke: colour(one.colour),
          value: (_, value) => value?.toLocaleString() ?? "–",
          ...look(colour(one.colour), at),
        })),
      ],
    };
    place.replaceChildren();
    const plot = new uPlot(options, [labels.map((_, at) => at), ...series.map((one) => one.values)], place);
    new ResizeObserver(() => {
      const width = place.clientWidth;
      if (width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
    }).observe(place);
  };

  const drawAll = () => document.querySelectorAll("figure.chart").forEach(draw);
  if (window.uPlot) {
    drawAll();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  }

  // What a part of a drawn timeline says, on hover and on focus.
  const tell = (event) => {
    const part = event.target.closest?.("[data-tip]");
    const place = part?.closest(".timeline").querySelector(".tip");
    if (place) place.textContent = part.dataset.tip;
  };
  document.addEventListener("focusin", tell);
  document.addEventListener("mouseover", tell);
})();
