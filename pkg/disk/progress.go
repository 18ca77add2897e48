package disk

import "context"

// Progress is told how far the image at path is: done of total bytes. Once the
// image is made, or is not going to be, done is total.
type Progress func(path string, done, total int64)

type progressKey struct{}

// WithProgress returns a context with which Create tells p how far it is, many
// times a second and from one goroutine.
func WithProgress(ctx context.Context, p Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

// Reporter returns a function that tells the context's Progress how many bytes of
// the image at path are done.
func Reporter(ctx context.Context, path string, total int64) func(done int64) {
	p, ok := ctx.Value(progressKey{}).(Progress)
	if !ok {
		return func(int64) {}
	}
	return func(done int64) { p(path, done, total) }
}
