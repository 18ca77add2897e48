{
  description = "A stand-in for nixpkgs: as much of its lib, module system, options and packages as nixvf's flake and NixOS module use, to evaluate them with nothing downloaded. Nothing of it can be built";

  outputs =
    { self }:
    let
      lib = import ./lib;
    in
    {
      legacyPackages = lib.genAttrs [ "aarch64-darwin" "aarch64-linux" "x86_64-linux" ] (
        import ./packages.nix lib
      );

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
              pkgs = import ./packages.nix lib system;
            }
            // specialArgs;
          };
      };
    };
}
