# The options outside of virtualisation that nixvf's module reads or sets.
{
  config,
  lib,
  options,
  pkgs,
  release,
  ...
}:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  bool = option types.bool;
  strings = option (types.listOf types.str) [ ];
  lines = option types.lines "";
  free = option (types.attrsOf types.anything) { };
  string = option (types.nullOr types.str) null;
  inherit (pkgs.stdenv.hostPlatform) system;
in
{
  imports = [
    ./virtualisation/build-vm.nix
    ./virtualisation/rosetta.nix
  ];

  options = {
    fileSystems = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule (
          { config, ... }:
          {
            options = {
              device = string;
              fsType = option types.str "auto";
              options = mkOption {
                type = types.listOf types.str;
                default = [ "defaults" ];
              };
              neededForBoot = bool false;
              noCheck = bool false;
              autoResize = bool false;
            };
            config.options = lib.mkIf config.autoResize [ "x-systemd.growfs" ];
          }
        )
      );
    };
    boot = {
      isContainer = bool false;
      kernelParams = strings;
      initrd = {
        availableKernelModules = strings;
        kernelModules = strings;
        postMountCommands = lines;
        systemd.enable = bool (release != "25.11");
        systemd.extraBin = free;
        systemd.services = free;
      };
      bootspec.extensions = free;
    };
    environment.etc = free;
    environment.loginShellInit = lines;
    networking = {
      dhcpcd.extraConfig = lines;
      useDHCP = bool true;
      useNetworkd = bool false;
      hostName = option types.str "nixos";
    };
    nix.enable = bool true;
    nix.package = option types.raw "/nix/store/00000000000000000000000000000000-nix";
    services.getty.autologinUser = string;
    services.timesyncd.enable = bool true;
    system.name = option types.str config.networking.hostName;
    system.build.toplevel = option types.raw (derivation {
      name = "nixos-system-${config.system.name}";
      inherit system;
      builder = "/bin/sh";
      args = [
        "-c"
        "exit 1"
      ];
      boot = builtins.toJSON config.boot.bootspec.extensions;
    });
    systemd.network.networks = free;
    systemd.services = free;
    users.users = option (types.attrsOf (
      types.submodule {
        options = {
          initialPassword = string;
          hashedPassword = string;
          openssh.authorizedKeys.keys = strings;
        };
      }
    )) { root = { }; };
  };

  config = {
    boot.kernelParams = [ "loglevel=4" ] ++ lib.optional config.boot.initrd.systemd.enable "root=fstab";
    boot.initrd.availableKernelModules = [
      "virtio_pci"
      "virtio_blk"
      "ahci"
    ];
  };
}
