# What a qemu-vm.nix that is newer than nixvf declares, and a user sets.
{ lib, ... }:

{
  options.virtualisation.fromTheFuture = lib.mkOption { default = null; };
  config.virtualisation.fromTheFuture = true;
}
