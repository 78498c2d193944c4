package client

import "time"

// SetReports sets how often uses are reported, and how long that may take.
func (cfg *Config) SetReports(every, timeout time.Duration) {
	cfg.reportEvery, cfg.reportTimeout = every, timeout
}

// Stop is the beginning of Close.
func (c *Client) Stop() { c.stop() }
