# The nixvf.* options: what NixOS's VMs have no word for, and what nixvf itself
# reads.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.virtualisation;
  inherit (lib) mkOption types;

  drives = import ./drives.nix { inherit config lib; };
  serialOf =
    drive:
    lib.optionalAttrs (drive.deviceExtraOpts.serial or null != null) {
      deviceExtraOpts = { inherit (drive.deviceExtraOpts) serial; };
    };

  # As nixpkgs has it from 26.05 on: a source, or a text, which is in the store.
  fileOf =
    name: credential:
    if credential.text or null != null then
      "${pkgs.writeText name credential.text}"
    else
      "${credential.source}";

  # Missing in a document means the default, as null does here.
  given = lib.filterAttrs (_: value: value != null);
in
{
  _file = "nixvf/nixvf-options.nix";

  options.nixvf = {
    mac = mkOption {
      type = types.nullOr (types.strMatching "[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}");
      default = null;
      example = "52:54:00:12:34:56";
      description = ''
        MAC address of the VM's network card. By default it is derived from the VM's id,
        so that a VM always has the same one.
      '';
    };

    rosetta = mkOption {
      type = types.bool;
      default = pkgs.stdenv.hostPlatform.isAarch64;
      defaultText = lib.literalExpression "pkgs.stdenv.hostPlatform.isAarch64";
      description = ''
        Whether the guest uses Rosetta to run x86_64-linux programs, if the host has it.
        This is the default of `virtualisation.rosetta.enable`.
      '';
    };

    vsock = mkOption {
      type = types.listOf (types.ints.between 1 4294967294);
      default = [ ];
      example = [ 22 ];
      description = ''
        vsock ports of the guest. Each gets a socket in the VM's run directory on the
        host.
      '';
    };

    console = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "pty";
      description = ''
        Where the VM's console is: `stdio` (the terminal, which is the default), `pty`,
        or a file on the host that gets its output.
      '';
    };

    nested = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the VM runs VMs itself. Under vfkit that takes an M3 or newer and macOS 15
        or newer; under QEMU a KVM that nests, or none: an emulated CPU can do it too,
        slowly. Elsewhere such a VM does not start.
      '';
    };

    credentials = mkOption {
      type = types.attrsOf (types.attrsOf types.anything);
      default = { };
      example.host-key.source = "~/keys/vm";
      description = ''
        Credentials for the guest's systemd (systemd.io/CREDENTIALS), by name. Each has a
        `source`, which is a file on the host, or a `text`. nixpkgs 26.05 and newer have
        the same as `virtualisation.credentials`. A service gets a credential with
        `LoadCredential=` or `ImportCredential=`. The file is read when the VM starts, and
        its contents are never in the store, in a document or in a log; a `text` is in
        the store. In `source`, `~` and `$VARIABLES` are expanded on the host. This gives
        sops-nix a key that is not part of the configuration:

            nixvf.credentials.age-key.source = "~/.config/sops/age/vm.txt";
            systemd.services.sops-install-secrets.serviceConfig.ImportCredential = "age-key";
            sops.age.keyFile = "/run/credentials/sops-install-secrets.service/age-key";
      '';
    };

    ssh.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether `nixvf-boot ssh` can connect to the VM. It uses its own sshd, separate from the configuration's, and a key that is made for each boot. The sshd listens on vsock, or on a card named nixvf0 that leads only to nixvf-boot.";
    };
    ssh.user = mkOption {
      type = types.str;
      default = "root";
      description = "User in the VM for `nixvf-boot ssh`. Root can always connect that way: whoever has the VM's disk is root in it.";
    };

    autologin = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "root";
      description = ''
        User who is logged in automatically on the console.
      '';
    };

    store = mkOption {
      type = types.nullOr (
        types.enum [
          "share"
          "image"
        ]
      );
      default = null;
      example = "image";
      description = ''
        The VM's Nix store: `share` is the host's store, shared. `image` is a read-only
        image of the closure of the VM's system, which nixvf makes if it does not exist.
        The guest then sees nothing else of the host's store. The default is what
        `virtualisation.useNixStoreImage` says; this option overrides it.
      '';
    };

    maxHostFiles = mkOption {
      type = types.nullOr types.ints.positive;
      default = 32768;
      description = ''
        How many files of shared directories the guest's kernel may remember. The VMM
        holds each of them open on the host. When the guest has looked at more files than
        this, it forgets unused ones, and looks them up again when they are needed. If the
        host cannot hold twice as many files open, the bound is lowered at each start
        (`nixvf.host-files=` on the kernel's command line). With `null` the guest forgets
        nothing.
      '';
    };

    settings = mkOption {
      type = types.attrsOf types.anything;
      readOnly = true;
      description = ''
        The VM's settings as nixvf reads them from the system's `boot.json`, under
        the names and in the units of the `virtualisation` options that they come from.
      '';
    };
  };

  config.nixvf.settings = {
    inherit (cfg)
      cores
      memorySize
      diskImage
      diskSize
      useDefaultFilesystems
      graphics
      resolution
      writableStore
      restrictNetwork
      ;
    useHostCerts = cfg.useHostCerts or false;
    credentials = lib.mapAttrs fileOf (cfg.credentials or { } // config.nixvf.credentials);
    store = if cfg.useNixStoreImage then "image" else "share";
    # Plain numbers until 26.05, { size; driveConfig; } since.
    emptyDiskImages = map (
      disk:
      if lib.isInt disk then
        disk
      else if serialOf (disk.driveConfig or { }) == { } then
        disk.size
      else
        { inherit (disk) size; driveConfig = serialOf disk.driveConfig; }
    ) cfg.emptyDiskImages;
    qemu.drives = map (drive: { inherit (drive) file; } // serialOf drive) (lib.filter drives.isRaw drives.own);
    forwardPorts = map (port: {
      inherit (port) from proto;
      host = { inherit (port.host) address port; };
      guest = { inherit (port.guest) address port; };
    }) cfg.forwardPorts;
    sharedDirectories = lib.mapAttrs (tag: share: {
      inherit (share) source target;
      # Before 26.11 there is no such option and all shares are writable, but for
      # what is mounted read-only. The host's store never is.
      writable =
        tag != "nix-store"
        && share.writable or true
        && !(lib.elem "ro" (config.fileSystems.${share.target}.options or [ ]));
    }) cfg.sharedDirectories;
    rosetta = {
      enable = cfg.rosetta.enable or false;
      mountTag = cfg.rosetta.mountTag or "rosetta";
    };
    nixvf = given {
      inherit (config.nixvf) mac vsock console nested;
      clock = true; # clock.nix
      ssh = { inherit (config.nixvf.ssh) enable user; };
    };
  };
}
