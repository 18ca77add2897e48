# The packages of the flake. One derivation builds the four tools; the package of
# each is a view of it.
{ lib, systems }:

rec {
  version = "0.1.0";
  # After a change of go.mod: go test ./tests -run VendorHash -update
  vendorHash = "sha256-iOiKhyMHg9c18SdpQSq1sdDadPbrFilhCFQDvSHVfeM=";

  # Only what the tools are made of, so that other edits rebuild nothing.
  src = lib.fileset.toSource {
    root = ../..;
    fileset = lib.fileset.unions [
      ../../go.mod
      ../../go.sum
      ../../cmd
      ../../pkg
    ];
  };

  meta = {
    homepage = "https://github.com/nixvf/nixvf";
    license = lib.licenses.asl20;
    platforms = systems;
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

  descriptions = {
    nixvf-eval = "Build a NixOS configuration of a flake and print how to boot it";
    nixvf-disk = "Make ext4 disk images and images of the Nix store";
    nixvf-args = "Turn a boot document into vfkit's command line";
    nixvf-boot = "Run the VM of a launch document";
  };

  packagesOf =
    pkgs:
    let
      tools = goPackage pkgs {
        pname = "nixvf-tools";
        subPackages = map (name: "cmd/${name}") (lib.attrNames descriptions);
        nativeBuildInputs = [ pkgs.installShellFiles ];
        # The manual pages and completions, which the tools print themselves.
        postInstall =
          lib.optionalString (pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform) ''
            for name in ${lib.concatStringsSep " " (lib.attrNames descriptions)}; do
              for kind in man bash zsh fish; do
                $out/bin/$name --generate $kind >$kind
              done
              mv man $name.1
              installManPage $name.1
              installShellCompletion --cmd $name --bash bash --zsh zsh --fish fish
            done
          '';
        inherit meta;
      };

      # What belongs to one tool: its program, its page and its completions.
      view =
        name: description:
        pkgs.runCommand "${name}-${version}"
          {
            nativeBuildInputs = [ pkgs.makeBinaryWrapper ];
            passthru = { inherit tools; };
            meta = meta // {
              inherit description;
              mainProgram = name;
            };
          }
          (
            ''
              cd ${tools}
              find . -name '*${name}*' ! -type d -printf '%P\0' | while IFS= read -rd "" file; do
                mkdir -p "$out/''${file%/*}"
                ln -s "$PWD/$file" "$out/$file"
              done
            ''
            + lib.optionalString (name == "nixvf-boot") ''
              wrapProgram $out/bin/nixvf-boot --prefix PATH : ${lib.makeBinPath (vmms pkgs)}
            ''
          );
      views = lib.mapAttrs view descriptions;

      wrapper = pkgs.writeShellApplication {
        name = "nixvf";
        meta = meta // {
          description = "Boot a NixOS configuration of a flake as a VM";
        };
        runtimeInputs = [
          views.nixvf-eval
          views.nixvf-args
          views.nixvf-boot
        ];
        text = builtins.readFile ./nixvf.sh;
      };

      # Its manual page and completions: what can follow is what nixvf-boot and
      # nixvf-args know.
      wrapperReference = pkgs.runCommand "nixvf-reference-${version}"
        {
          nativeBuildInputs = [ pkgs.installShellFiles ];
          passthru = { };
          inherit meta;
        }
        (
          ''
            installManPage ${./.}/nixvf.1
          ''
          + lib.optionalString (pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform) ''
            for shell in bash zsh fish; do
              {
                echo "#compdef nixvf"
                for name in nixvf-boot nixvf-args; do
                  ${tools}/bin/$name --generate $shell
                done
                cat ${./.}/nixvf.$shell
              } >$shell
            done
            installShellCompletion --cmd nixvf --bash bash --zsh zsh --fish fish
          ''
        );
    in
    views
    // {
      nixvf = pkgs.symlinkJoin {
        name = "nixvf-${version}";
        paths = [
          wrapper
          wrapperReference
        ];
        inherit (wrapper) meta;
      };
    };
}
