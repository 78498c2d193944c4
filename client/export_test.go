package client

import "time"

// WaitForReports sets how long reporting may take.
func (c *Client) WaitForReports(d time.Duration) { c.reportTimeout.Store(int64(d)) }
