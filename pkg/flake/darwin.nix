# For nix-darwin: VMs of the user that is logged in. nixvfFor returns the package
# nixvf for a set of packages.
nixvfFor:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nixvf;
  vm.options = {
    flake = lib.mkOption {
      type = lib.types.str;
      example = "/Users/ann/machines#darwinVM";
      description = ''
        The NixOS configuration, as `nixvf` takes it. It is evaluated, and
        built where that is needed, at each start.
      '';
    };
    args = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [
        "--memory"
        "4G"
      ];
      description = "Further options of `nixvf-args`.";
    };
    nixOptions = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "--refresh" ];
      description = "Options of `nix`.";
    };
  };
  agent = name: vm: {
    name = "nixvf-${name}";
    value.serviceConfig = {
      # $0 is the agent's name; launchd sets HOME.
      ProgramArguments = [
        "/bin/sh"
        "-c"
        ''/bin/wait4path /nix/store && exec "$@" >>"$HOME/Library/Logs/$0.log" 2>&1''
        "nixvf-${name}"
        (lib.getExe cfg.package)
        vm.flake
        "--console"
        "$NIXVF_STATE/console.log"
      ]
      ++ vm.args
      ++ [ "--" ]
      ++ vm.nixOptions;
      EnvironmentVariables = {
        NIXVF_ID = name;
        # Where nix is, whoever installed it.
        PATH = "/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/bin:/bin:/usr/sbin:/sbin";
      };
      ProcessType = "Interactive"; # macOS slows the others down
      RunAtLoad = true;
      KeepAlive.SuccessfulExit = false; # a guest that powers off stays off
      ThrottleInterval = 30;
      ExitTimeOut = 90; # nixvf-boot gives the guest 60
    };
  };
in
{
  key = "github.com/nixvf/nixvf#darwinModules.default";

  options.services.nixvf = {
    package = lib.mkOption {
      type = lib.types.package;
      default = nixvfFor pkgs;
      defaultText = lib.literalMD "the flake's `nixvf`";
      description = "What runs the VMs.";
    };
    vms = lib.mkOption {
      type = lib.types.attrsOf (lib.types.submodule vm);
      default = { };
      description = ''
        VMs that run while the user is logged in, each as a launchd agent of
        the user and never as root. The attribute's name is the VM's id: its
        disk and {file}`console.log`, what the guest prints, are in
        {file}`~/.local/state/nixvf/NAME`. The messages of nixvf are in
        {file}`~/Library/Logs/nixvf-NAME.log`. A guest that powers off stays
        off until the next login; one that fails is started again.
      '';
    };
  };

  config.launchd.user.agents = lib.mapAttrs' agent cfg.vms;
}
