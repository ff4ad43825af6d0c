const WIDTH = 96;
const HEIGHT = 32;
/** The line's ends must not be cut off. */
const PAD = 2;

/** The curve of a number over time; its text is beside it, so that it says nothing to a screen reader. */
export function Sparkline({ values }: { values: number[] }) {
  const line = points(values);
  return (
    <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" style={{ flexShrink: 1 }}>
      <line
        x1={PAD}
        x2={WIDTH - PAD}
        y1={HEIGHT - PAD}
        y2={HEIGHT - PAD}
        stroke="var(--mantine-color-default-border)"
      />
      {line.length > 1 && (
        <>
          <polygon
            points={[`${line[0]?.x},${HEIGHT}`, ...line.map(pair), `${line.at(-1)?.x},${HEIGHT}`].join(' ')}
            fill="var(--mantine-primary-color-light)"
          />
          <polyline
            points={line.map(pair).join(' ')}
            fill="none"
            stroke="var(--mantine-primary-color-filled)"
            strokeWidth="1.5"
            strokeLinejoin="round"
            strokeLinecap="round"
          />
        </>
      )}
    </svg>
  );
}

/** With fewer values than this the curve begins later instead of being drawn wide. */
const FEWEST = 20;

interface Point {
  x: number;
  y: number;
}

const pair = ({ x, y }: Point) => `${x},${y}`;

/** The newest value is at the right end; the highest at the top, and one request a second is never a mountain. */
function points(values: number[]): Point[] {
  const top = Math.max(1, ...values);
  const step = (WIDTH - 2 * PAD) / (Math.max(values.length, FEWEST) - 1);
  return values.map((value, at) => ({
    x: round(WIDTH - PAD - (values.length - 1 - at) * step),
    y: round(HEIGHT - PAD - (value / top) * (HEIGHT - 2 * PAD)),
  }));
}

const round = (value: number) => Math.round(value * 10) / 10;
