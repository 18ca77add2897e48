# A stand-in for nixpkgs: as much of its interface as nixvf's flake uses, to evaluate the flake's outputs with nothing
# downloaded. Functions take the arguments that nixpkgs' take, and no others. Nothing of it can be built.
{
  outputs =
    { self }:
    let
      lib = import ./lib.nix;

      # A derivation that has the attributes it was made of, and depends on all of them.
      fake =
        system: name: attrs:
        derivation {
          inherit name system;
          builder = "/stand-in";
          attributes = builtins.toJSON (builtins.removeAttrs attrs [ "overrideModAttrs" ]);
        }
        // {
          meta = { };
        }
        // attrs;

      packages =
        system:
        let
          plain = name: { ${name} = fake system name { }; };
          all = names: builtins.foldl' (set: name: set // plain name) { } names;
        in
        all [
          "e2fsprogs"
          "go"
          "gopls"
          "jq"
          "makeBinaryWrapper"
          "nixfmt-tree"
          "shellcheck"
        ]
        // all (
          if system == "aarch64-darwin" then
            [ "vfkit" ]
          else
            [
              "qemu_kvm"
              "virtiofsd"
            ]
        )
        // {
          stdenv.hostPlatform = {
            inherit system;
            isDarwin = system == "aarch64-darwin";
          };

          buildGoModule =
            {
              pname,
              version,
              src,
              vendorHash,
              ldflags,
              meta,
              overrideModAttrs,
              env ? { },
              nativeBuildInputs ? [ ],
              nativeCheckInputs ? [ ],
              postInstall ? "",
              subPackages ? [ ],
            }@attrs:
            fake system "${pname}-${version}" (attrs // { modules = (overrideModAttrs { }).name; });

          writeShellApplication =
            {
              name,
              text,
              runtimeInputs,
              meta,
            }@attrs:
            fake system name (attrs // { meta = meta // { mainProgram = name; }; });

          writeText = name: text: fake system name { inherit text; };
          mkShell = { packages }: fake system "nix-shell" { inherit packages; };
          symlinkJoin =
            {
              name,
              paths,
              meta,
            }@attrs:
            fake system name attrs;
        };
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "aarch64-darwin" "aarch64-linux" "x86_64-linux" ] packages;
    };
}
