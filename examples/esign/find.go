package esign

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"
)

// A page of a list has defaultLimit entries, or as many as requested, up to maxLimit.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// findRequest says which envelopes to find. It is the same in all versions. Limit and After are our
// own addition.
type findRequest struct {
	SearchText string // in the envelope's name, or in a recipient's name or address; letter case is ignored
	Status     status // none: all that were sent
	StartDate  time.Time
	EndDate    time.Time
	Limit      int
	After      string // the last ID of the previous page
}

// find returns a page of c's envelopes, newest first. Callers can ask for the statuses in known;
// without one, find returns everything that was sent.
func (s *Service) find(ctx context.Context, c Caller, q findRequest, known ...status) (page []envelope, err error) {
	switch {
	case q.Status != "" && !slices.Contains(known, q.Status):
		return nil, invalid("You can't search by this Status.")
	case q.Limit < 0 || q.Limit > maxLimit:
		return nil, invalid(fmt.Sprintf("Limit must be between 1 and %d.", maxLimit))
	case q.Limit == 0:
		q.Limit = defaultLimit
	}
	err = s.do(ctx, func(t tx) error {
		page, err = t.find(ctx, c, q)
		return err
	})
	return page, err
}

func (t tx) find(ctx context.Context, c Caller, q findRequest) ([]envelope, error) {
	before := int64(math.MaxInt64)
	if !q.EndDate.IsZero() {
		before = q.EndDate.UnixMilli()
	}
	page, err := list(ctx, t, scanEnvelope, `
		SELECT id, name, status, created_at
		FROM envelope
		WHERE user_id = :user
		  AND (status = :status OR :status = '' AND status NOT IN ('Template', 'Draft'))
		  AND created_at >= :from AND created_at < :before
		  AND (id < :after OR :after = '')
		  AND (instr(lower(name), lower(:text)) > 0 OR EXISTS (
		    SELECT 1 FROM recipient
		    WHERE envelope_id = envelope.id
		      AND instr(lower(given_name || ' ' || surname || ' ' || email), lower(:text)) > 0))
		ORDER BY id DESC LIMIT :limit`,
		sql.Named("user", c.UserID), sql.Named("status", q.Status), sql.Named("text", q.SearchText),
		sql.Named("from", q.StartDate.UnixMilli()), sql.Named("before", before),
		sql.Named("after", q.After), sql.Named("limit", q.Limit))
	if err != nil {
		return nil, fmt.Errorf("find envelopes: %w", err)
	}
	return page, nil
}
