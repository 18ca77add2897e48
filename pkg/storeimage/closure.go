package storeimage

import (
	"context"
	"errors"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/nix"
)

// Closure returns what an image of everything that paths need holds, as the
// host's Nix has it.
func Closure(ctx context.Context, n *nix.Nix, paths []string) (Spec, error) {
	settings, err := n.Settings(ctx)
	if err != nil {
		return Spec{}, err
	}
	closure, err := n.Closure(ctx, paths)
	if nix.Explained(err) {
		return Spec{}, errors.New("store: nix-store does not know all of these paths")
	}
	return Spec{Store: bootdoc.StoreDir, Paths: closure, CaseHack: settings.CaseHack}, err
}
