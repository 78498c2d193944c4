package console

import (
	"fmt"
	"strconv"
	"time"

	"github.com/keyporter/keyporter"
)

// plot is a bar chart of calls a day, with axes.
type plot struct {
	Width int // of the drawing, whose height is plotHeight
	Bars  []plotBar
	Marks []string // of the y-axis, from the top
	Dates []time.Time
	Text  string // the chart in one sentence
	Days  []plotDay
}

// plotBar is the rectangle of allowed or refused calls on one day.
type plotBar struct {
	X, Y, Width, Height int
	Refused             bool
}

// plotDay is a day as a row of a table.
type plotDay struct {
	At time.Time
	keyporter.Counts
}

const (
	plotHeight = 160
	plotStep   = 20
	plotLines  = 4 // of the grid
	plotDates  = 5 // at the x-axis at most, if there are more than in a week
)

func plotOf(first time.Time, days []keyporter.Counts) plot {
	p := plot{Width: len(days) * plotStep, Text: plotText(first, days)}
	most := 0
	for i, n := range days {
		most = max(most, n.All())
		p.Days = append(p.Days, plotDay{first.AddDate(0, 0, i), n})
	}
	top := roundUp(most)
	for i := plotLines; i >= 0; i-- {
		p.Marks = append(p.Marks, short(top/plotLines*i))
	}
	gap := 3
	if len(days) <= 7 {
		gap = 6
	}
	for i, n := range days {
		x, base := i*plotStep+gap, plotHeight
		for _, b := range []struct {
			calls   int
			refused bool
		}{{n.Allowed, false}, {n.Refused, true}} {
			if b.calls == 0 {
				continue
			}
			height := max(2, b.calls*plotHeight/top)
			base -= height
			p.Bars = append(p.Bars, plotBar{X: x, Y: max(0, base), Width: plotStep - 2*gap, Height: height, Refused: b.refused})
		}
	}
	dates := len(days)
	if dates > 7 {
		dates = plotDates
	}
	for i := range dates {
		p.Dates = append(p.Dates, first.AddDate(0, 0, i*(len(days)-1)/max(1, dates-1)))
	}
	return p
}

// roundUp returns the next number with which the lines of the grid have round ones.
func roundUp(n int) int {
	for unit := 1; ; unit *= 10 {
		for _, line := range []int{1, 2, 5} {
			if top := line * unit * plotLines; top >= n {
				return top
			}
		}
	}
}

// short writes a number in a few characters.
func short(n int) string {
	for _, unit := range []struct {
		size int
		name string
	}{{1_000_000_000, "G"}, {1_000_000, "M"}, {1000, "k"}} {
		if n >= 10*unit.size || n >= unit.size && n%unit.size == 0 {
			return strconv.Itoa(n/unit.size) + unit.name
		}
	}
	return count(n)
}

// plotText says what a chart shows.
func plotText(first time.Time, days []keyporter.Counts) string {
	sum, most := keyporter.Sum(days), 0
	for i, n := range days {
		if n.All() > days[most].All() {
			most = i
		}
	}
	text := fmt.Sprintf("Calls per day from %s to %s: ", day(first), day(first.AddDate(0, 0, len(days)-1)))
	if sum.All() == 0 {
		return text + "none."
	}
	return text + fmt.Sprintf("%s allowed, %s refused; most on %s.", count(sum.Allowed), count(sum.Refused), day(first.AddDate(0, 0, most)))
}
