"""Draw the demo's report: load, instances and latency over time, as one SVG."""
import html

WIDTH, PANEL_HEIGHT, LEFT, RIGHT, TOP, GAP = 960, 170, 70, 20, 60, 50
INK, MUTED, GRID = "#1f2933", "#66727f", "#e3e8ee"


def nice_ceiling(value: float) -> float:
    """The smallest of 1, 1.5, 2, 3, 4, 6, 8 x 10^n that is not below `value`."""
    if value <= 0:
        return 1.0
    magnitude = 1.0
    while magnitude * 10 <= value:
        magnitude *= 10
    while magnitude > value:
        magnitude /= 10
    return next(step * magnitude for step in (1, 1.5, 2, 3, 4, 6, 8, 10) if step * magnitude >= value)


class Panel:
    def __init__(self, index: int, title: str, end_s: float, highest: float):
        self.top = TOP + index * (PANEL_HEIGHT + GAP)
        self.title, self.end_s, self.highest = title, max(end_s, 1), nice_ceiling(highest)
        self.parts = []

    def x(self, t_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * t_s / self.end_s

    def y(self, value: float) -> float:
        return self.top + PANEL_HEIGHT * (1 - min(value, self.highest) / self.highest)

    def line(self, points, colour: str, steps: bool = False, fill: bool = False) -> "Panel":
        path = []
        for i, (t, value) in enumerate(points):
            if steps and i:
                path.append(f"H{self.x(t):.1f}")
            path.append(f"{'L' if i else 'M'}{self.x(t):.1f} {self.y(value):.1f}")
        if not path:
            return self
        if fill:
            floor = self.y(0)
            self.parts.append(f'<path d="{" ".join(path)} L{self.x(points[-1][0]):.1f} {floor:.1f} '
                              f'L{self.x(points[0][0]):.1f} {floor:.1f} Z" fill="{colour}" opacity=".15"/>')
        self.parts.append(f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        return self

    def marks(self, times, colour: str) -> "Panel":
        for t in times:
            self.parts.append(f'<line x1="{self.x(t):.1f}" x2="{self.x(t):.1f}" y1="{self.top}" '
                              f'y2="{self.top + PANEL_HEIGHT}" stroke="{colour}" stroke-dasharray="2 3"/>')
        return self

    def frame(self) -> str:
        out = [f'<text x="{LEFT}" y="{self.top - 10}" class="title">{html.escape(self.title)}</text>']
        for i in range(5):
            value = self.highest * i / 4
            y = self.y(value)
            out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>')
            out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" class="label" text-anchor="end">{value:g}</text>')
        for t in range(0, int(self.end_s) + 1, 30):
            out.append(f'<text x="{self.x(t):.1f}" y="{self.top + PANEL_HEIGHT + 16}" class="label" '
                       f'text-anchor="middle">{t} s</text>')
        return "\n".join(out + self.parts)


def report(load, instances, latency, activities, caption: str) -> str:
    """`load` [(t_s, requests/s)], `instances` [(t_s, wanted, in service)], `latency` [(t_s, p50_ms,
    p99_ms)], `activities` [t_s] of scaling activities; returns the SVG's text."""
    end_s = max([point[0] for point in load + instances + latency], default=1)
    panels = [
        Panel(0, "Load, requests per second", end_s, max([v for _, v in load], default=1))
        .line(load, "#2563eb", fill=True),
        Panel(1, "Instances: wanted (dotted marks: scaling activities) and in service", end_s,
              max([w for _, w, _ in instances], default=1))
        .marks(activities, "#b4bcc6")
        .line([(t, n) for t, _, n in instances], "#059669", steps=True, fill=True)
        .line([(t, w) for t, w, _ in instances], "#d97706", steps=True),
        Panel(2, "Latency seen by the client, milliseconds: p50 and p99", end_s,
              max([p99 for _, _, p99 in latency], default=1))
        .line([(t, p50) for t, p50, _ in latency], "#7c3aed")
        .line([(t, p99) for t, _, p99 in latency], "#dc2626"),
    ]
    height = TOP + len(panels) * (PANEL_HEIGHT + GAP)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f"<style>.title{{font-size:14px;fill:{INK};font-weight:600}}.label{{font-size:11px;fill:{MUTED}}}"
        f".caption{{font-size:13px;fill:{MUTED}}}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="24" class="caption">{html.escape(caption)}</text>',
        *[panel.frame() for panel in panels],
        "</svg>", ""])
