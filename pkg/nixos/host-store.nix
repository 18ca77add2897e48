# What a guest does since its store is a share of the host's, which is larger than
# its own system and goes on to change.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkGuest mkAlsoDefault mkUnit;
in
{
  _file = "nixvf/host-store.nix";

  config = {
    environment.systemPackages = [
      (pkgs.writeShellScriptBin "nixvf-refresh" (builtins.readFile ./refresh.sh))
    ];

    systemd.services.nixvf-host-files = lib.mkIf (config.nixvf.maxHostFiles != null && !config.virtualisation.useNixStoreImage or false) (mkUnit {
      description = "Bound of the files that the host holds open for this VM";
      # Before anything that may walk through the store.
      wantedBy = [ "sysinit.target" ];
      before = [ "shutdown.target" ];
      conflicts = [ "shutdown.target" ];
      unitConfig.DefaultDependencies = false;
      serviceConfig = {
        Restart = "always";
        Nice = -20; # it must look while others keep the CPUs busy
      };
      script = ''
        set -- ${toString config.nixvf.maxHostFiles}
        ${builtins.readFile ./host-files.sh}
      '';
    });

    # updatedb would read the names of the whole store, twice.
    services.locate = {
      prunePaths = mkAlsoDefault [
        "/nix/.ro-store"
        "/nix/.rw-store"
      ];
      pruneFS = mkAlsoDefault [
        "overlay"
        "virtiofs"
      ];
    };

    nix = {
      # Each link would copy a file of the host into the writable layer.
      optimise.automatic = mkGuest false;
      # What the host has for others is garbage here, and each file of it would be
      # looked up to be hidden.
      gc.automatic = mkGuest false;
      settings = {
        auto-optimise-store = mkGuest false;
        min-free = mkGuest 0;
        # Nix would give the store to this group, even to read its database, and fail
        # where it cannot write. Nothing can be built there either.
        build-users-group = lib.mkIf (!config.virtualisation.writableStore) (mkGuest "");
      };
    };
    programs.nh.clean.enable = mkGuest false;
  };
}
