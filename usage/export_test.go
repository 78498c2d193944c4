package usage

import "time"

// StepRows is how many rows a step has.
const StepRows = stepRows

// LimitFresh sets how many new callers are kept apart in one interval.
func (u *Usage) LimitFresh(n int64) { u.maxFresh = n }

// LimitSteps sets how long a step may take.
func (u *Usage) LimitSteps(d time.Duration) { u.stepTimeout = d }
