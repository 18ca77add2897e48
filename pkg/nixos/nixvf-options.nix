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
        Hardware address of the VM's network card. By default it is computed from the
        VM's id, so that a VM always has the same one.
      '';
    };

    rosetta = mkOption {
      type = types.bool;
      default = pkgs.stdenv.hostPlatform.isAarch64;
      defaultText = lib.literalExpression "pkgs.stdenv.hostPlatform.isAarch64";
      description = ''
        Whether the guest runs x86_64-linux programs where the host has Rosetta: the
        default of `virtualisation.rosetta.enable`.
      '';
    };

    vsock = mkOption {
      type = types.listOf (types.ints.between 1 4294967294);
      default = [ ];
      example = [ 22 ];
      description = ''
        vsock ports of the guest, each of which gets a socket in the VM's run directory
        on the host.
      '';
    };

    console = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "pty";
      description = ''
        Where the VM's console is: `stdio` (the default: the terminal), `pty`, or a file
        on the host that its output goes to.
      '';
    };

    credentials = mkOption {
      type = types.attrsOf (types.attrsOf types.anything);
      default = { };
      example.host-key.source = "~/keys/vm";
      description = ''
        Credentials for the guest's systemd (systemd.io/CREDENTIALS), by name, each with
        a `source`, a file on the host, or a `text`: what `virtualisation.credentials`
        is from nixpkgs 26.05 on, also for earlier ones. A service has one with
        `LoadCredential=` or `ImportCredential=`. The file is read when the VM starts,
        and nothing of what it holds is in the store, a document or a log; a `text` is
        in the store. In `source`, `~` and `$VARIABLES` are expanded on the host. This
        gives sops-nix a key that no file of the configuration holds:

            nixvf.credentials.age-key.source = "~/.config/sops/age/vm.txt";
            systemd.services.sops-install-secrets.serviceConfig.ImportCredential = "age-key";
            sops.age.keyFile = "/run/credentials/sops-install-secrets.service/age-key";
      '';
    };

    ssh.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether `nixvf-boot ssh` gets into the VM: by an sshd of its own, beside the configuration's, with a key that is made for each boot. It listens on vsock, or on a card named nixvf0 that leads to nixvf-boot alone.";
    };
    ssh.user = mkOption {
      type = types.str;
      default = "root";
      description = "Who one is in the VM with `nixvf-boot ssh`. Root can always get in that way: who has the VM's disk is root in it.";
    };

    autologin = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "root";
      description = ''
        User who is logged in on the console without a password.
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
        Where the VM has its store from: `share`, the host's store as it is, or `image`, a
        read-only image of what the VM's system needs, which nixvf makes when there is none.
        The guest then sees nothing else of the host's store. By default as
        `virtualisation.useNixStoreImage` says, which this replaces.
      '';
    };

    maxHostFiles = mkOption {
      type = types.nullOr types.ints.positive;
      default = 32768;
      description = ''
        How many files of shares the guest's kernel may remember. The VMM holds each
        of them open on the host. When a walk through the store comes to more than this,
        the guest forgets those that nobody uses, and looks them up again when they are
        needed. A host that can hold less than twice as many lowers the bound at each
        start (`nixvf.host-files=` on the kernel's command line). With `null` nothing is
        forgotten.
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
      inherit (config.nixvf) mac vsock console;
      ssh = { inherit (config.nixvf.ssh) enable user; };
    };
  };
}
