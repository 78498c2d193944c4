package console

import (
	"fmt"
	"strings"

	"github.com/keyporter/keyporter"
)

// chart is a small line chart of the calls in the last seven days.
type chart struct {
	Line string // points of an SVG polyline
	Area string // points of an SVG polygon, which fills the area below the line
	Text string // the totals in words
}

const (
	chartWidth  = 112 // pixels
	chartHeight = 26  // pixels
	chartHours  = 6   // hours per point
)

func chartOf(use keyporter.TokenUse) chart {
	n := len(use.Hours) / chartHours
	sums, top := make([]int, n), 1
	for i, calls := range use.Hours {
		sums[i/chartHours] += calls
		top = max(top, sums[i/chartHours])
	}
	var line strings.Builder
	for i, s := range sums {
		x := 1 + float64(i)*(chartWidth-2)/float64(n-1)
		y := chartHeight - 1.5 - float64(s)*(chartHeight-4)/float64(top)
		fmt.Fprintf(&line, "%.1f,%.1f ", x, y)
	}
	points := strings.TrimSpace(line.String())
	return chart{
		Line: points,
		Area: fmt.Sprintf("1,%d %s %d,%d", chartHeight, points, chartWidth-1, chartHeight),
		Text: callsText(use),
	}
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
