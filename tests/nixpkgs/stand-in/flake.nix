{
  description = "A stand-in for nixpkgs: as much of its module system and of the options that nixvf's module touches as the tests need";

  outputs =
    { self }:
    let
      lib = import ./lib;
    in
    {
      lib = lib // {
        # specialArgs.release chooses whose options there are: 25.11, 26.05 or 26.11.
        nixosSystem =
          {
            modules,
            specialArgs ? { },
            system ? "aarch64-linux",
          }:
          lib.evalModules {
            modules = [ ./nixos/modules/system.nix ] ++ modules;
            specialArgs = {
              release = "26.05";
              modulesPath = toString ./nixos/modules;
              pkgs = {
                findutils = "/nix/store/00000000000000000000000000000000-findutils";
                writeShellScriptBin = name: text: {
                  type = "derivation";
                  outPath = "/nix/store/00000000000000000000000000000000-${name}";
                  inherit name text;
                };
                stdenv.hostPlatform = {
                  inherit system;
                  isAarch64 = lib.hasPrefix "aarch64" system;
                  isLinux = lib.hasSuffix "linux" system;
                };
              };
            }
            // specialArgs;
          };
      };
    };
}
