# The configuration of the VM that nixvf makes of a NixOS configuration: that one where
# nixvf's module is in it already, else its vmVariant with that module.
let
  hasModule = nixos: nixos ? config.nixvf;

  isOurs = text: builtins.substring 0 7 text == "nixvf: ";
  # NixOS says check.nix's warnings when the system is evaluated, and then only.
  # nixvf-eval says them itself, each time.
  quiet =
    { lib, ... }:
    {
      key = "nixvf/quiet";
      options.warnings = lib.mkOption { apply = lib.filter (text: !(isOurs text)); };
    };

  extended =
    nixos: modules:
    if hasModule nixos then
      (if modules == [ ] then nixos else nixos.extendModules { inherit modules; }).config
    else
      (nixos.extendModules {
        modules = [
          {
            virtualisation.vmVariant.imports = [
              ./module.nix
              quiet
            ]
            ++ modules;
          }
        ];
      }).config.virtualisation.vmVariant;
in
{
  isNixos =
    nixos: hasModule nixos || nixos ? extendModules && nixos ? options.virtualisation.vmVariant;

  # What the VM cannot do without and the configuration takes from it (needed.nix), and
  # what NixOS would say, is known when it has been evaluated.
  vmOf =
    nixos:
    let
      vm = extended nixos [ ];
      isLoud = hasModule nixos && builtins.any isOurs (vm.warnings or [ ]);
      more = vm.nixvf.needed or [ ] ++ (if isLoud then [ quiet ] else [ ]);
    in
    if vm.nixvf.refusals or [ ] != [ ] || more == [ ] then vm else extended nixos more;
}
