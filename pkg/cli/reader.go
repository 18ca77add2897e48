package cli

import (
	"context"
	"errors"
	"os"

	"github.com/nixvf/nixvf/pkg/pipe"
)

// errUnread is the cause of a context that ended with stdout's last reader.
var errUnread = errors.New("stdout is closed")

// WhileRead returns a context that ends when stdout is a pipe that nobody reads
// any more. A later stage that was interrupted thus ends the earlier ones, even
// one that has nothing to write yet.
func (t *Tool) WhileRead(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if stdout, ok := t.Stdout.(*os.File); ok {
		go func() {
			if pipe.AwaitUnread(stdout, ctx.Done()) {
				cancel(errUnread)
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}
