package console

import (
	"github.com/keyporter/keyporter"
)

// chart is a small bar chart of the calls in the last seven days.
type chart struct {
	Bars []bar
	Text string // the totals in words
}

// bar is a rectangle of an SVG.
type bar struct {
	X, Y, Width, Height int
	Empty               bool // nothing was counted; it is a line at the bottom
}

// The size of a bar chart in pixels.
const (
	chartHeight = 20
	barWidth    = 8
	barStep     = 9
)

func chartOf(use keyporter.TokenUse) chart {
	const day = 24
	sums, top := make([]int, len(use.Hours)/day), 1
	for i, calls := range use.Hours {
		sums[i/day] += calls
		top = max(top, sums[i/day])
	}
	c := chart{Text: callsText(use)}
	for i, n := range sums {
		height := max(1, (n*chartHeight+top/2)/top)
		c.Bars = append(c.Bars, bar{X: i * barStep, Y: chartHeight - height, Width: barWidth, Height: height, Empty: n == 0})
	}
	return c
}

func callsText(use keyporter.TokenUse) string {
	text := "No calls in the last 7 days"
	switch {
	case use.Allowed == 1:
		text = "1 call in the last 7 days"
	case use.Allowed > 1:
		text = count(use.Allowed) + " calls in the last 7 days"
	}
	if use.Refused > 0 {
		text += ", " + count(use.Refused) + " refused"
	}
	return text
}
