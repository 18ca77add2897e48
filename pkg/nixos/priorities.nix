# How strong nixvf's definitions are beside those of others (lib/modules.nix,
# mkOverride: the smaller number wins).
{ lib }:
rec {
  # As strong as an option's own default (1500), which it adds to.
  mkAlsoDefault = lib.mkOverride 1500;
  # Stronger than an option's own default, weaker than a user's mkDefault (1000).
  mkNixvfDefault = lib.mkOverride 1400;
  # A systemd unit of nixvf's, each part of which gives way to what a configuration
  # says. Lists and scripts add to that.
  mkUnit = lib.mapAttrs (
    name: value:
    if lib.isAttrs value && !(value ? _type) then
      mkUnit value
    else if lib.isList value || name == "script" then
      value
    else
      mkNixvfDefault value
  );
  # Stronger than what a configuration says of the real machine (100), weaker than
  # mkForce (50).
  mkGuest = lib.mkOverride 90;
  # What a VM cannot do without: stronger than mkForce, weaker than mkVMOverride (10),
  # with which one speaks of VMs.
  mkNeeded = lib.mkOverride 40;
  # One stronger than mkVMOverride (10), with which qemu-vm.nix sets `fileSystems`.
  mkNixvfOverride = lib.mkOverride 9;
}
