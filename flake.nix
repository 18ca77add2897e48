{
  description = "Any NixOS configuration as a VM on macOS, and on Linux for trying out";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "aarch64-darwin"
        "aarch64-linux"
        "x86_64-linux"
      ];
      eachSystem = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
      systemOf = pkgs: pkgs.stdenv.hostPlatform.system;

      inherit (import ./pkg/flake/packages.nix { inherit lib systems; })
        goPackage
        meta
        packagesOf
        version
        vmms
        ;
    in
    {
      packages = eachSystem (
        pkgs:
        let
          all = packagesOf pkgs;
        in
        all
        // {
          default = pkgs.symlinkJoin {
            name = "nixvf-${version}";
            paths = lib.attrValues all;
            inherit (all.nixvf) meta;
          };
        }
      );

      apps = eachSystem (
        pkgs:
        let
          app = package: {
            type = "app";
            program = lib.getExe package;
            meta = { inherit (package.meta) description; };
          };
          all = packagesOf pkgs;
        in
        lib.mapAttrs (_: app) (all // { default = all.nixvf; })
      );

      overlays.default = final: _: packagesOf final;

      # A path in a set, because Nix 2.8 takes no bare path for a module.
      nixosModules.default.imports = [ ./pkg/nixos/module.nix ];

      # For nix-darwin: VMs of the user that is logged in.
      darwinModules.default = import ./pkg/flake/darwin.nix (pkgs: self.packages.${systemOf pkgs}.nixvf);

      templates.default = {
        path = ./tests/flake/template;
        description = "A NixOS configuration for a VM on a Mac";
      };

      devShells = eachSystem (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.go
            pkgs.gopls
            pkgs.jq
            pkgs.shellcheck
            pkgs.e2fsprogs
            self.formatter.${systemOf pkgs}
          ]
          ++ vmms pkgs;
        };
      });

      formatter = eachSystem (pkgs: pkgs.nixfmt-tree);

      checks = eachSystem (
        pkgs:
        let
          json = name: value: pkgs.writeText name (builtins.unsafeDiscardStringContext (builtins.toJSON value));
        in
        {
          inherit (self.packages.${systemOf pkgs}) default;

          go = goPackage pkgs {
            pname = "nixvf-tests";
            nativeCheckInputs = [ pkgs.e2fsprogs ];
            inherit meta;
          };

          # The template's configuration, as nixvf-eval extends it.
          module =
            let
              template = (import ./tests/flake/template/flake.nix).outputs { inherit nixpkgs; };
              extended = template.nixosConfigurations.darwinVM.extendModules {
                modules = [ { virtualisation.vmVariant = self.nixosModules.default; } ];
              };
              vm = extended.config.virtualisation.vmVariant;
            in
            assert lib.all (fs: fs.fsType != "9p") (lib.attrValues vm.fileSystems);
            json "nixvf-settings.json" vm.boot.bootspec.extensions."io.github.nixvf.v1";

          darwin-module =
            let
              evaluated = lib.evalModules {
                specialArgs = { inherit pkgs; };
                modules = [
                  self.darwinModules.default
                  {
                    options.launchd.user.agents = lib.mkOption { type = lib.types.attrsOf lib.types.anything; };
                    config.services.nixvf.vms.demo = {
                      flake = "/machines#darwinVM";
                      args = [
                        "--memory"
                        "4G"
                      ];
                      nixOptions = [ "--refresh" ];
                    };
                  }
                ];
              };
            in
            json "nixvf-agents.json" evaluated.config.launchd.user.agents;
        }
      );
    };
}
