// A line plot as SVG: no library, readable in a text editor and in a document.
const WIDTH = 760;
const HEIGHT = 400;
const MARGIN = { left: 60, right: 20, top: 40, bottom: 50 };
const COLOURS = ["#1a6fb5", "#c4541c", "#4f8a3c", "#7b52a0"];

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

// At most eight round values from 0 to `max` or a little more.
function ticks(max) {
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].find((candidate) => max / candidate <= 8) ?? max / 8;
    return Array.from({ length: Math.ceil(max / step) + 1 }, (_, i) => i * step);
}

// series: [{name, points: [[x, y]]}].
export function linePlot({ title, x, y, series }) {
    const all = series.flatMap(({ points }) => points);
    const xTicks = ticks(Math.max(...all.map((point) => point[0])));
    const yTicks = ticks(Math.max(...all.map((point) => point[1])));
    const atX = (value) => MARGIN.left + (value / xTicks.at(-1)) * (WIDTH - MARGIN.left - MARGIN.right);
    const atY = (value) => HEIGHT - MARGIN.bottom - (value / yTicks.at(-1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    const text = (left, top, words, more = "") => `<text x="${left}" y="${top}" ${more}>${escape(words)}</text>`;
    const parts = [
        text(MARGIN.left, 22, title, 'font-weight="bold"'),
        ...xTicks.map((value) => text(atX(value), HEIGHT - MARGIN.bottom + 18, value, 'text-anchor="middle"')),
        ...yTicks.map((value) => text(MARGIN.left - 8, atY(value) + 4, value, 'text-anchor="end"')),
        ...yTicks.map((value) => `<path d="M${MARGIN.left} ${atY(value)}H${WIDTH - MARGIN.right}" stroke="#ccc"/>`),
        text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 12, x, 'text-anchor="middle"'),
        text(16, HEIGHT / 2, y, `text-anchor="middle" transform="rotate(-90 16 ${HEIGHT / 2})"`),
    ];
    series.forEach(({ name, points }, i) => {
        const colour = COLOURS[i % COLOURS.length];
        const path = points.map(([px, py]) => `${atX(px).toFixed(1)} ${atY(py).toFixed(1)}`).join("L");
        parts.push(`<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
        for (const [px, py] of points) parts.push(`<circle cx="${atX(px).toFixed(1)}" cy="${atY(py).toFixed(1)}" r="3" fill="${colour}"/>`);
        parts.push(text(MARGIN.left + 12, MARGIN.top + 16 + i * 18, name, `fill="${colour}"`));
    });
    return [
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
        `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
        ...parts,
        "</svg>\n",
    ].join("\n");
}
