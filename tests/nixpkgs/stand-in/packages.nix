# The packages and builders of nixpkgs that are used, for a system. Functions take the arguments that nixpkgs' take, and
# no others.
lib: system:
let
  # A derivation that has the attributes it was made of, and depends on all of them.
  fake =
    name: attrs:
    derivation {
      inherit name system;
      builder = "/stand-in";
      attributes = builtins.toJSON (removeAttrs attrs [ "overrideModAttrs" ]);
    }
    // {
      meta = { };
    }
    // attrs;

  isDarwin = system == "aarch64-darwin";
  isLinux = !isDarwin;
in
lib.genAttrs (
  [
    "attr"
    "e2fsprogs"
    "findutils"
    "go"
    "iproute2"
    "gopls"
    "installShellFiles"
    "jq"
    "makeBinaryWrapper"
    "nix"
    "nixfmt-tree"
    "shellcheck"
    "util-linux"
  ]
  ++ lib.optional isDarwin "vfkit"
  ++ lib.optional isLinux "qemu_kvm"
  ++ lib.optional isLinux "virtiofsd"
) (name: fake name { })
// {
  openssh = fake "openssh" { version = "10.2p1"; };
  stdenv = {
    buildPlatform.canExecute = platform: platform.system == system;
    hostPlatform = {
      inherit system isDarwin isLinux;
      isAarch64 = lib.hasPrefix "aarch64" system;
    };
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
    fake "${pname}-${version}" (attrs // { modules = (overrideModAttrs { }).name; });

  runCommand =
    name:
    {
      meta,
      nativeBuildInputs,
      passthru,
    }:
    text:
    fake name ({ inherit meta nativeBuildInputs text; } // passthru);

  writeShellApplication =
    {
      name,
      text,
      runtimeInputs,
      meta,
    }@attrs:
    fake name (attrs // { meta = meta // { mainProgram = name; }; });

  writeShellScriptBin = name: text: fake name { inherit text; };
  writeText = name: text: fake name { inherit text; };
  mkShell = { packages }: fake "nix-shell" { inherit packages; };
  symlinkJoin =
    {
      name,
      paths,
      meta,
    }@attrs:
    fake name attrs;
}
