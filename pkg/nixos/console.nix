# The VM's console, hvc0: the kernel's messages, the login and the size of the
# terminal that is in front of it.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkGuest;

  program = "${
    pkgs.writeShellScriptBin "nixvf-console" (builtins.readFile ./console.sh)
  }/bin/nixvf-console";
in
{
  _file = "nixvf/console.nix";

  config = {
    boot.initrd.kernelModules = [ "virtio_console" ];
    # The last console= is the one that becomes /dev/console.
    boot.kernelParams = lib.mkAfter [ "console=hvc0" ];

    # One line, since fish has it translated or runs it in a shell of its own.
    environment.loginShellInit = "if ${program} login; then export TERM=xterm-256color; fi";
    environment.systemPackages = [
      # The one of xterm goes before it.
      (lib.lowPrio (pkgs.writeShellScriptBin "resize" "exec ${program}"))
    ];

    services.getty.autologinUser = lib.mkIf (config.nixvf.autologin != null) (
      mkGuest config.nixvf.autologin
    );
  };
}
