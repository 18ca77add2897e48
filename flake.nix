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

      version = "0.1.0";
      # After a change of go.mod: go test ./tests -run VendorHash -update
      vendorHash = "sha256-iOiKhyMHg9c18SdpQSq1sdDadPbrFilhCFQDvSHVfeM=";

      # Only what the tools are made of, so that other edits rebuild nothing.
      src = lib.fileset.toSource {
        root = ./.;
        fileset = lib.fileset.unions [
          ./go.mod
          ./go.sum
          ./cmd
          ./pkg
        ];
      };

      goPackage =
        pkgs: attrs:
        pkgs.buildGoModule (
          {
            inherit version src vendorHash;
            overrideModAttrs = _: { name = "nixvf-go-modules"; }; # the same ones for all packages
            env.CGO_ENABLED = 0;
            ldflags = [
              "-s"
              "-w"
              "-X github.com/nixvf/nixvf/pkg/cli.version=${version}"
            ];
          }
          // attrs
        );

      tool =
        pkgs: name: attrs:
        goPackage pkgs (
          attrs
          // {
            pname = name;
            subPackages = [ "cmd/${name}" ];
            nativeBuildInputs = [ pkgs.installShellFiles ] ++ attrs.nativeBuildInputs or [ ];
            postInstall = reference pkgs name + attrs.postInstall or "";
            meta = meta // attrs.meta // { mainProgram = name; };
          }
        );

      # The manual page and the completions, which the tool prints itself.
      reference =
        pkgs: name:
        lib.optionalString (pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform) ''
          for kind in man bash zsh fish; do
            $out/bin/${name} --generate $kind >$kind
          done
          mv man ${name}.1
          installManPage ${name}.1
          installShellCompletion --cmd ${name} --bash bash --zsh zsh --fish fish
        '';

      meta = {
        homepage = "https://github.com/nixvf/nixvf";
        license = lib.licenses.asl20;
        platforms = systems;
      };

      # What nixvf-boot runs. QEMU for the host's own kind of guest: another one is found in PATH.
      vmms =
        pkgs:
        if pkgs.stdenv.hostPlatform.isDarwin then
          [ pkgs.vfkit ]
        else
          [
            pkgs.qemu_kvm
            pkgs.virtiofsd
          ];

      packagesOf = pkgs: rec {
        nixvf-eval = tool pkgs "nixvf-eval" {
          meta.description = "Build a NixOS configuration of a flake and print how it is booted";
        };
        nixvf-disk = tool pkgs "nixvf-disk" {
          meta.description = "Make ext4 disk images";
        };
        nixvf-args = tool pkgs "nixvf-args" {
          meta.description = "Turn a boot document into vfkit's command line";
        };
        nixvf-boot = tool pkgs "nixvf-boot" {
          nativeBuildInputs = [ pkgs.makeBinaryWrapper ];
          postInstall = ''
            wrapProgram $out/bin/nixvf-boot --prefix PATH : ${lib.makeBinPath (vmms pkgs)}
          '';
          meta.description = "Run the VM of a launch document";
        };
        nixvf = pkgs.writeShellApplication {
          name = "nixvf";
          meta = meta // {
            description = "Boot a NixOS configuration of a flake as a VM";
          };
          runtimeInputs = [
            nixvf-eval
            nixvf-args
            nixvf-boot
          ];
          text = ''
            usage='usage: nixvf FLAKE[#NAME] [OPTION OF nixvf-args]... [-- OPTION OF nix...]
                   nixvf list | attach | ssh | ssh-config | stop | wait | log | remove | hand-over | check, as with nixvf-boot'
            case ''${1:-} in
              list | attach | ssh | ssh-config | stop | wait | log | remove | hand-over | check) exec nixvf-boot "$@" ;;
              -h | --help)
                echo "$usage"
                exit
                ;;
              "" | -*)
                echo "$usage" >&2
                exit 2
                ;;
            esac
            flake=$1
            shift
            args=()
            eval=()
            while [ $# -gt 0 ] && [ "$1" != -- ]; do
              case $1/$# in
                --id=*) export NIXVF_ID=''${1#*=} ;; # for all three
                --id/1) args+=("$1") ;; # nixvf-args says what is missing
                --id/*) export NIXVF_ID=$2 && shift ;;
                --ephemeral/*) args+=("$1") && eval+=(--no-link) ;; # which leaves nothing behind
                *) args+=("$1") ;;
              esac
              shift
            done
            # nixvf-eval | nixvf-args | nixvf-boot, with the last one in this shell's place: signals reach it, the
            # others end when it does not read any more, and the status is its own. It starts nothing when an
            # earlier one has failed.
            exec nixvf-boot < <(nixvf-eval "''${eval[@]}" "$flake" "$@" | nixvf-args "''${args[@]}")
          '';
        };
      };
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
      darwinModules.default =
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
              default = self.packages.${systemOf pkgs}.nixvf;
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
        };

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
