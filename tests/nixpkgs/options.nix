# What pkg/nixos/OPTIONS.md is made from: the table, the releases that have each
# option (of the stand-in), and the nixvf.* options.
let
  table = import ../../pkg/nixos/options.nix;
  inherit ((import ./stand-in/flake.nix).outputs { self = null; }) lib;
  releases = [
    "25.11"
    "26.05"
    "26.11"
  ];
  virtualisation = builtins.listToAttrs (
    map (release: {
      name = release;
      value =
        (lib.nixosSystem {
          modules = [ ./stand-in/nixos/modules/virtualisation/qemu-vm.nix ];
          specialArgs = { inherit release; };
        }).options.virtualisation;
    }) releases
  );
  has =
    release: name:
    let
      option = lib.attrByPath (lib.splitString "." name) null virtualisation.${release};
    in
    option != null && option.visible or true; # removed ones are there, to say so

  own =
    (import ../../pkg/nixos/nixvf-options.nix {
      inherit lib;
      config.virtualisation = { };
      pkgs.stdenv.hostPlatform.isAarch64 = false;
    }).options.nixvf;
in
{
  virtualisation = builtins.mapAttrs (
    name: option: option // { releases = builtins.filter (release: has release name) releases; }
  ) table;
  machine = builtins.mapAttrs (_: fate: {
    inherit (fate) why;
    value = builtins.toJSON fate.value or null;
    kept = fate.kept or "";
    unless = fate.unless or "";
  }) (import ../../pkg/nixos/machine-options.nix { inherit lib; });
  nixvf = builtins.mapAttrs (_: option: {
    inherit (option) description;
    type = option.type.name;
    default = option.defaultText.text or (builtins.toJSON (option.default or null));
    readOnly = option.readOnly or false;
  }) (removeAttrs own [ "ssh" ] // {
    "ssh.enable" = own.ssh.enable;
    "ssh.user" = own.ssh.user;
  });
}
