package eval

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/nix"
)

// what names the configuration in a message.
func (e *evaluation) what() string {
	if e.name == "" {
		return "flake " + e.flake
	}
	return fmt.Sprintf("configuration %q of flake %s", e.name, e.flake)
}

// readError is the error for a flake that nix could not read.
func (e *evaluation) readError(err error) error {
	err = sentence(err, "cannot read flake %s", e.flake)
	if _, no := directory(e.flake, e.Host.Dir); no == nil && !strings.HasPrefix(e.flake, ".") && !filepath.IsAbs(e.flake) {
		return fault.Hint(err, "the directory is ./%s", e.flake)
	}
	return err
}

// buildError is the error for a system that nix could not build. Where nothing
// can build for the guest's platform, that is why.
func (e *evaluation) buildError(ctx context.Context, err error) error {
	if !nix.Explained(err) {
		return err
	}
	settings, unknown := e.nix.Settings(ctx) // with the flake's own
	if unknown != nil || settings.Builds(e.answer.Builder) {
		return fmt.Errorf("build of %s failed", e.name)
	}
	err = fmt.Errorf("build of %s failed: this machine (%s) cannot build for %s and knows no builder that can",
		e.name, settings.System, e.answer.Builder)
	return fault.Hint(err, "ways to get one: nix-darwin's nix.linux-builder.enable, a remote %s machine in /etc/nix/machines, or a binary cache that holds the system", e.answer.Builder)
}

// sentence is err, or what text says in its place where nix itself has said the
// rest. A nil err stays nil.
func sentence(err error, text string, args ...any) error {
	if err != nil && nix.Explained(err) {
		return fmt.Errorf(text, args...)
	}
	return err
}
