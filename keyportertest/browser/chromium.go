package browser

import (
	"context"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/chromedp/chromedp"
)

// chromium is the process that the tests of a package share.
type chromium struct {
	ctx    context.Context
	cancel context.CancelFunc
}

var (
	shared  = sync.OnceValues(start)
	started atomic.Pointer[chromium] // by start
)

// Stop ends the Chromium that New started, if any. A package whose tests use a browser calls
// it when they are done.
func Stop() {
	if c := started.Load(); c != nil {
		c.cancel()
	}
}

// headlessShell is Chromium without a user interface, as Debian packages it, which needs half as
// much CPU. If it isn't there, chromedp finds another Chromium. The script in /usr/bin doesn't
// end its Chromium when it is killed.
const headlessShell = "/usr/lib/chromium/chromium-headless-shell"

func start() (*chromium, error) {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
		// Pages live for seconds here, too short for optimized JavaScript to pay off: without it, Look needs a third less CPU.
		chromedp.Flag("js-flags", "--no-opt"))
	if _, err := os.Stat(headlessShell); err == nil {
		options = append(options, chromedp.ExecPath(headlessShell))
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	c := &chromium{ctx: ctx, cancel: func() { end(); cancel() }}
	if err := chromedp.Do(ctx); err != nil {
		c.cancel()
		return nil, err
	}
	started.Store(c)
	return c, nil
}
