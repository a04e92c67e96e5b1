/* Metrics by step, drawn by uPlot: values under the pointer, zoom by dragging, logarithmic on request. */
"use strict";
(() => {
  const FIRST = 12, HEIGHT = 190;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const shown = value => {
    if (value == null) return "\u2014";
    const size = Math.abs(value);
    const text = size !== 0 && (size < 1e-4 || size >= 1e7) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
    return text.replaceAll("-", "\u2212");
  };

  /* uPlot wants one x for all lines. */
  const joined = chart => {
    const sides = ["base", "head"].filter(side => chart[side]);
    return uPlot.join(sides.map(side => {
      const {x, y, low, high} = chart[side];
      return low ? [x, y, low, high] : [x, y];
    }));
  };

  const series = chart => {
    const lines = [{label: "step"}], bands = [];
    for (const side of ["base", "head"]) {
      if (!chart[side]) continue;
      const stroke = color(`--${side}`);
      const few = chart[side].x.length <= 30;
      lines.push({
        label: side, stroke, width: 1.6, dash: side === "base" ? [5, 3] : undefined,
        points: {show: few, size: 4, fill: stroke},
      });
      if (chart[side].low) {
        const edge = {stroke: "transparent", points: {show: false}};
        lines.push({...edge, label: `${side} lowest`}, {...edge, label: `${side} highest`});
        bands.push({series: [lines.length - 1, lines.length - 2], fill: stroke + "33"});
      }
    }
    return [lines, bands];
  };

  /* A logarithm has no place for what is not positive. What is undefined is no gap, but a step of the other side's. */
  const forScale = (data, log) => {
    if (!log) return data;
    return [data[0], ...data.slice(1).map(ys => Array.from(ys, y => y === undefined || y > 0 ? y : null))];
  };

  /* The value at a step, or at the nearest one that this line has. */
  const near = (xs, ys, i) => {
    let left = i, right = i;
    while (left > 0 && ys[left] === undefined) left--;
    while (right < ys.length - 1 && ys[right] === undefined) right++;
    if (ys[left] === undefined) return ys[right];
    if (ys[right] === undefined) return ys[left];
    return xs[i] - xs[left] <= xs[right] - xs[i] ? ys[left] : ys[right];
  };

  const build = (place, chart, wantsLog) => {
    const data = joined(chart);
    const positive = data.slice(1).some(ys => ys.some(y => y > 0));
    const log = wantsLog && positive;
    const [lines, bands] = series(chart);
    const note = place.querySelector("p");
    const say = u => {
      const i = u.cursor.idx;
      if (i == null) { note.textContent = chart.values; return; }
      const parts = lines.map((line, k) => line.label.includes(" ") ? "" : `${line.label}\u00a0${shown(near(u.data[0], u.data[k], i))}`);
      note.textContent = parts.filter(Boolean).join(" \u00b7 ");
    };
    const axis = {stroke: color("--soft"), grid: {stroke: color("--line"), width: .5}, ticks: {show: false}, font: "11px system-ui, sans-serif"};
    const u = new uPlot({
      width: Math.max(place.clientWidth, 120), height: HEIGHT, series: lines, bands,
      scales: {x: {time: false}, y: {distr: log ? 3 : 1}},
      axes: [
        {...axis, size: 28, values: (_, ticks) => ticks.map(tick => Number.isInteger(tick) ? shown(tick) : "")},
        {...axis, size: 62, values: (_, ticks) => ticks.map(tick => tick == null ? "" : shown(tick))},
      ],
      legend: {show: false},
      cursor: {y: false, drag: {x: true, y: false}},
      hooks: {setCursor: [say]},
    }, forScale(data, log), place.lastElementChild);
    return u;
  };

  /* With the arrow keys the values can be read without a pointer. */
  const byKey = (event, u) => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (event.key === "Home" || event.key === "Escape") u.setData(u.data);
    if (!step) return;
    event.preventDefault();
    const xs = u.data[0], i = Math.min(Math.max((u.cursor.idx ?? (step > 0 ? -1 : xs.length)) + step, 0), xs.length - 1);
    u.setCursor({left: u.valToPos(xs[i], "x"), top: 10});
  };

  const element = (tag, text) => Object.assign(document.createElement(tag), {textContent: text});

  const panel = chart => {
    const place = Object.assign(document.createElement("div"), {className: "chart"});
    const title = Object.assign(element("h3", chart.name), {title: chart.name});
    const canvas = Object.assign(document.createElement("div"), {tabIndex: 0, role: "img"});
    canvas.setAttribute("aria-label", `${chart.name} by step: ${chart.values}`);
    place.append(title, element("p", chart.values), canvas);
    return place;
  };

  const shelf = charts => {
    const grid = Object.assign(document.createElement("div"), {className: "charts"});
    const panels = charts.map(chart => [panel(chart), chart]);
    grid.append(...panels.map(([place]) => place));
    const drawn = new Map();
    let wantsLog = false;
    const draw = () => {
      for (const [place, chart] of panels) {
        drawn.get(place)?.destroy();
        drawn.set(place, build(place, chart, wantsLog));
      }
    };
    for (const [place] of panels) {
      place.lastElementChild.addEventListener("keydown", event => byKey(event, drawn.get(place)));
    }
    new ResizeObserver(() => {
      for (const [place] of panels) {
        const u = drawn.get(place);
        if (u && place.clientWidth && u.width !== place.clientWidth) u.setSize({width: place.clientWidth, height: HEIGHT});
      }
    }).observe(grid);
    return {grid, draw, isDrawn: () => drawn.size > 0, log: wanted => { wantsLog = wanted; }};
  };

  const tools = (has, onLog) => {
    const bar = Object.assign(document.createElement("div"), {className: "tools"});
    for (const side of has) {
      const entry = element("span", side);
      entry.prepend(Object.assign(document.createElement("i"), {className: side}));
      bar.append(entry);
    }
    const box = Object.assign(document.createElement("input"), {type: "checkbox"});
    const label = element("label", " logarithmic");
    label.prepend(box);
    box.addEventListener("change", () => onLog(box.checked));
    const hint = Object.assign(element("span", "Drag to zoom, double-click to zoom out."), {className: "hint"});
    bar.append(label, hint);
    return bar;
  };

  for (const place of document.querySelectorAll(".curves")) {
    const {charts, band, left} = JSON.parse(place.querySelector("script").textContent);
    const shelves = [shelf(charts.slice(0, FIRST))];
    const sides = ["base", "head"].filter(side => charts.some(chart => chart[side]));
    const redraw = () => shelves.filter(each => each.isDrawn()).forEach(each => each.draw());
    const onLog = wanted => { shelves.forEach(each => each.log(wanted)); redraw(); };
    place.append(element("h3", "Metrics by step"), tools(sides, onLog), shelves[0].grid);
    if (band) place.append(Object.assign(element("p", band), {className: "soft"}));
    if (charts.length > FIRST) {
      const fold = document.createElement("details");
      const more = shelf(charts.slice(FIRST));
      shelves.push(more);
      fold.append(element("summary", `${charts.length - FIRST} more curves`), more.grid);
      fold.addEventListener("toggle", () => { if (fold.open && !more.isDrawn()) more.draw(); });
      place.append(fold);
    }
    if (left) place.append(Object.assign(element("p", `${left} more metrics have curves that are not on this page.`), {className: "soft"}));
    dark.addEventListener("change", redraw);
    const within = place.closest("details.model");
    if (within && !within.open) {
      within.addEventListener("toggle", () => shelves[0].draw(), {once: true});
    } else {
      shelves[0].draw();
    }
  }
})();
