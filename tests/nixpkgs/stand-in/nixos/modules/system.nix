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
  # What of a unit is read, with the types that make definitions conflict or merge.
  units = option (types.attrsOf (
    types.submodule {
      options = {
        enable = bool true;
        description = option types.str "";
        overrideStrategy = option types.str "asDropinIfExists";
        restartIfChanged = bool true;
        script = lines;
        environment = free;
        unitConfig = free;
        serviceConfig = free;
        socketConfig = free;
      }
      // lib.genAttrs [ "after" "before" "bindsTo" "conflicts" "requiredBy" "requires" "wantedBy" "wants" ] (_: strings)
      // {
        path = option (types.listOf types.package) [ ];
      };
    }
  )) { };
  free = option (types.attrsOf types.anything) { };
  string = option (types.nullOr types.str) null;
  internal =
    type:
    mkOption {
      type = types.listOf type;
      default = [ ];
      internal = true;
    };
  # Says the warnings, or which assertions fail.
  checked =
    value:
    let
      failed = map (a: "- " + a.message) (lib.filter (a: !a.assertion) config.assertions);
      say = value: text: builtins.trace "evaluation warning: ${text}" value;
    in
    if failed != [ ] then
      throw "Failed assertions:\n${lib.concatStringsSep "\n" failed}"
    else
      builtins.foldl' say value config.warnings;
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
    assertions = internal types.raw;
    warnings = internal types.str;
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
      growPartition = bool false;
      isContainer = bool false;
      iscsi-initiator.name = string;
      loader.grub.enable = bool (!config.boot.isContainer);
      loader.systemd-boot.enable = bool false;
      loader.grub.gfxmodeBios = option types.str "1024x768";
      loader.supportsInitrdSecrets = bool true;
      resumeDevice = option types.str "";
      zfs.extraPools = strings;
      kernelParams = strings;
      kernel.enable = bool (!config.boot.isContainer);
      initrd = {
        enable = bool true;
        clevis.enable = bool false;
        luks.devices = free;
        network.enable = bool false;
        network.ssh.enable = bool false;
        secrets = free;
        systemd.network.enable = bool config.boot.initrd.network.enable;
        systemd.repart.enable = bool false;
        systemd.root = option (types.nullOr types.str) "fstab";
        availableKernelModules = strings;
        kernelModules = strings;
        extraUtilsCommands = lines;
        postDeviceCommands = lines;
        postMountCommands = lines;
        systemd.enable = bool (release != "25.11");
        systemd.extraBin = free;
        systemd.services = units;
        systemd.units = free;
      };
      bootspec.extensions = free;
    };
    swapDevices = option (types.listOf types.anything) [ ];
    environment.etc = free;
    environment.loginShellInit = lines;
    environment.systemPackages = option (types.listOf types.package) [ ];
    networking = {
      bonds = free;
      bridges = free;
      dhcpcd.enable = bool true;
      interfaces = free;
      networkmanager.enable = bool false;
      usePredictableInterfaceNames = bool true;
      vlans = free;
      dhcpcd.denyInterfaces = strings;
      dhcpcd.extraConfig = lines;
      firewall.interfaces = free;
      useDHCP = bool true;
      useNetworkd = bool false;
      hostId = string;
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
    services.udev.extraRules = lines;
    services.timesyncd.enable = bool true;
    services.beesd.filesystems = free;
    services.btrbk.instances = free;
    services.btrfs.autoScrub.enable = bool false;
    services.openiscsi.enableAutoLoginOut = bool false;
    services.qemuGuest.enable = bool false;
    services.sanoid.enable = bool false;
    services.smartd.enable = bool false;
    services.snapper.configs = free;
    services.zfs.autoScrub.enable = bool false;
    services.zfs.autoSnapshot.enable = bool false;
    services.zfs.trim.enable = bool false;
    nixpkgs.hostPlatform = string;
    nixpkgs.buildPlatform = string; # nothing without hostPlatform
    nixpkgs.localSystem = free;
    nixpkgs.crossSystem = free;
    system.stateVersion = string;
    system.name = option types.str config.networking.hostName;
    system.build.installBootLoader = option types.raw "";
    system.build.toplevel = option types.raw (checked (derivation {
      name = "nixos-system-${config.system.name}";
      system =
        if config.nixpkgs.hostPlatform == null then
          config.nixpkgs.localSystem.system or system
        else if config.nixpkgs.buildPlatform == null then
          system
        else
          config.nixpkgs.buildPlatform;
      builder = "/bin/sh";
      args = [
        "-c"
        "exit 1"
      ];
      boot = builtins.toJSON config.boot.bootspec.extensions;
    }));
    systemd.network.enable = bool config.networking.useNetworkd;
    systemd.network.networks = free;
    systemd.repart.enable = bool false;
    systemd.services = units;
    systemd.sockets = units;
    security.pam.services = free;
    virtualisation.xen.enable = bool false;
    hardware.nvidia-container-toolkit.enable = bool false;
    users.groups = free;
    users.users = option (types.attrsOf (
      types.submodule {
        options = {
          isSystemUser = bool false;
          group = option types.str "";
          initialPassword = string;
          hashedPassword = string;
          hashedPasswordFile = string;
          openssh.authorizedKeys.keys = strings;
        };
      }
    )) { root = { }; };
  };

  config = {
    boot.kernelParams = [ "loglevel=4" ] ++ lib.optional config.boot.initrd.systemd.enable "root=fstab";
    system.build.installBootLoader = lib.mkIf config.boot.loader.grub.enable "install-grub";
    boot.initrd.availableKernelModules =
      [ "ahci" ]
      ++ lib.optional (lib.any (fs: fs.fsType == "ext4") (lib.attrValues config.fileSystems)) "ext4";
    systemd.network.networks = lib.mkIf (config.networking.useNetworkd && config.networking.useDHCP) {
      "99-ethernet-default-dhcp".matchConfig = {
        Type = "ether";
        Kind = "!*";
      };
    };
  };
}
