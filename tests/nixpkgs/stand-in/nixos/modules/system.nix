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
  systemdInitrd = config.boot.initrd.systemd.enable;
  # What stage 1 mounts without being asked.
  earlyPaths = [
    "/"
    "/nix"
    "/nix/store"
    "/var"
    "/var/log"
    "/var/lib"
    "/var/lib/nixos"
    "/etc"
    "/usr"
  ];
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
          { config, name, ... }:
          let
            inInitrd = config.neededForBoot || lib.elem name earlyPaths;
            sysroot = lib.optionalString (inInitrd && systemdInitrd) "/sysroot";
            overlay = map (dir: "${dir.name}=${sysroot}${dir.value}") (
              lib.mapAttrsToList lib.nameValuePair config.overlay
            );
            mounts = map (path: "x-systemd.requires-mounts-for=${sysroot}${path}") config.depends;
          in
          {
            options = {
              mountPoint = option types.str name;
              device = string;
              fsType = if release == "25.11" then option types.str "auto" else mkOption { type = types.str; };
              options = mkOption {
                type = types.listOf types.str;
                default = [ "defaults" ];
              };
              overlay = option (types.attrsOf types.str) { };
              depends = strings;
              neededForBoot = bool false;
              noCheck = bool false;
              autoResize = bool false;
            };
            config = lib.mkMerge [
              (lib.mkIf (config.overlay != { }) {
                device = "overlay";
                fsType = "overlay";
                options = overlay;
                depends = lib.attrValues config.overlay;
              })
              { options = lib.mkIf config.autoResize [ "x-systemd.growfs" ]; }
              { options = lib.mkIf inInitrd [ "x-initrd.mount" ]; }
              { options = lib.mkIf (mounts != [ ] && (!inInitrd || systemdInitrd)) mounts; }
            ];
          }
        )
      );
    };
    system.build.fileSystems = option types.raw (lib.attrValues config.fileSystems);
    boot = {
      isContainer = bool false;
      loader.grub.enable = bool true;
      kernelParams = strings;
      initrd = {
        availableKernelModules = strings;
        kernelModules = strings;
        extraUtilsCommands = lines;
        postMountCommands = lines;
        systemd.enable = bool (release != "25.11");
        systemd.extraBin = free;
        systemd.services = free;
      };
      bootspec.extensions = free;
    };
    environment.etc = free;
    environment.loginShellInit = lines;
    environment.systemPackages = option (types.listOf types.package) [ ];
    networking = {
      dhcpcd.extraConfig = lines;
      useDHCP = bool true;
      useNetworkd = bool false;
      hostName = option types.str "nixos";
    };
    nix.enable = bool true;
    nix.package = option types.package pkgs.nix;
    nix.gc.automatic = bool false;
    nix.optimise.automatic = bool false;
    nix.settings = free;
    programs.nh.clean.enable = bool false;
    services.getty.autologinUser = string;
    services.locate.pruneFS = option (types.listOf types.str) [ "proc" ];
    services.locate.prunePaths = option (types.listOf types.path) [ "/nix/store" ];
    services.timesyncd.enable = bool true;
    nixpkgs.hostPlatform = string;
    system.stateVersion = string;
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
    boot.initrd.availableKernelModules = [ "ahci" ];
  };
}
