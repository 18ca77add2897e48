# nixvf's NixOS module: turns what qemu-vm.nix makes of a configuration into a VM
# whose shares are virtiofs and whose settings nixvf finds in the system's
# boot.json. Import it in virtualisation.vmVariant, or in a configuration
# that only ever is a VM. What is here makes it boot; each other concern has a file.
{
  config,
  lib,
  options,
  pkgs,
  modulesPath,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkNixvfDefault mkNixvfOverride;

  noBootLoader = pkgs.writeShellScriptBin "nixvf-no-boot-loader" ''
    echo "nixvf: no boot loader is installed: the host boots this VM, with what nixvf-eval finds there" >&2
  '';
in
{
  _file = "nixvf/module.nix";
  # The module may come in twice: from the user's configuration and from nixvf-eval.
  key = "github.com/nixvf/nixvf#nixosModules.default";

  imports = [
    "${modulesPath}/virtualisation/qemu-vm.nix"
    ./check.nix
    ./clock.nix
    ./console.nix
    ./credentials.nix
    ./database.nix
    ./dhcp.nix
    ./file-systems.nix
    ./needed.nix
    ./nixvf-options.nix
    ./ssh.nix
    ./host-store.nix
    ./machine.nix
    ./mounts.nix
    ./rosetta.nix
    ./store-image.nix
    ./store-layer.nix
  ];

  # Without qemu-vm.nix there is nothing to set, and check.nix says so.
  config = lib.optionalAttrs (options.virtualisation ? fileSystems) {
    virtualisation = {
      # nixvf-args and nixvf-disk expand it on the host.
      diskImage = mkNixvfDefault "$NIXVF_STATE/${config.system.name}.raw";
      graphics = mkNixvfDefault false;
    };

    boot.initrd.availableKernelModules = [
      "virtiofs"
      "virtio_blk"
      "virtio_pci"
      "overlay"
      "erofs"
    ];
    # A kernel that panics waits for ever otherwise, with a core at 100 %. First,
    # so that a panic= of the user's goes before it.
    boot.kernelParams = lib.mkBefore (
      [ "panic=5" ]
      # There is no device for a resume= of the user's, unless one is forced.
      ++ lib.optional (config.boot.resumeDevice == "") "noresume"
    );

    boot.bootspec.extensions."io.github.nixvf.v1" = mkNixvfOverride config.nixvf.settings;

    # A switch of configuration in the guest runs it; NixOS's own asks for a boot loader.
    system.build.installBootLoader = mkNixvfDefault "${noBootLoader}/bin/nixvf-no-boot-loader";
  };
}
