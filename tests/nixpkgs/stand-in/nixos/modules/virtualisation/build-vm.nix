{ lib, extendModules, ... }:
{
  options.virtualisation.vmVariant = lib.mkOption {
    type = {
      name = "module";
      check = v: builtins.isAttrs v || builtins.isFunction v || builtins.isPath v || builtins.isString v;
      emptyValue = { };
      merge =
        _: defs:
        (extendModules {
          modules = [ ./qemu-vm.nix ] ++ map (d: if builtins.isAttrs d.value then { _file = d.file; } // d.value else d.value) defs;
        }).config;
    };
  };
}
