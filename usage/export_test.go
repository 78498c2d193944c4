package usage

// LimitFresh sets how many new callers are kept apart in one interval.
func (u *Usage) LimitFresh(n int64) { u.maxFresh = n }
