# The flake that nixvf-eval evaluates. Its input `target` is the user's flake: by
# its URL and not by --override-input, after which nix has a few lines to say
# about the lock file that it does not write. Its output `boot` says what has to
# be realised to boot a configuration of that flake, or, in place of Nix's
# messages about this file, why there is nothing to boot. Package eval reads the
# answer.
{
  inputs.target.url = "path:/replaced-by-nixvf-eval";

  outputs =
    { target, ... }:
    let
      all = target.nixosConfigurations;
      names = builtins.attrNames all;

      # A value that can stand in a string, and what it needs: derivations with
      # their outputs, and store paths that exist already. From 2.35 on nix copies
      # an input to the store only when it is needed, as it is by a string that
      # is printed.
      describe = value: {
        text = "${value}";
        context = builtins.getContext "${value}";
      };

      # The configuration of the VM: the given one where nixvf's module is in it
      # already, else its vmVariant with that module; and with more modules.
      vmWith =
        nixos: more:
        if nixos ? config.nixvf then
          (if more == [ ] then nixos else nixos.extendModules { modules = more; }).config
        else
          (nixos.extendModules {
            modules = [ { virtualisation.vmVariant.imports = [ ./module.nix ] ++ more; } ];
          }).config.virtualisation.vmVariant;

      # What the VM cannot do without and the configuration takes from it is known
      # when it has been evaluated (needed.nix).
      vmOf =
        nixos:
        let
          vm = vmWith nixos [ ];
          needed = vm.nixvf.needed or [ ];
        in
        if vm.nixvf.refusals or [ ] != [ ] || needed == [ ] then vm else vmWith nixos needed;

      isNixos =
        nixos:
        nixos ? config.nixvf || nixos ? extendModules && nixos ? options.virtualisation.vmVariant;

      boot =
        name:
        if !(all ? ${name}) then
          {
            kind = "missing";
            inherit names;
          }
        else if !(isNixos all.${name}) then
          {
            kind = "foreign";
            inherit name;
          }
        else
          let
            vm = vmOf all.${name};
            inherit (vm.system.build) toplevel;
            refusals = vm.nixvf.refusals or [ ];
          in
          if refusals != [ ] then
            {
              kind = "refused";
              inherit name refusals;
            }
          else
            {
              kind = "system";
              inherit name;
              system = vm.nixvf.platform or toplevel.system;
              builder = toplevel.system;
              warnings = vm.nixvf.warnings or [ ];
              hints = vm.nixvf.hints or [ ];
              settings = vm.nixvf.settings or { };
              toplevel = describe toplevel;
              additional = map describe (vm.virtualisation.additionalPaths or [ ]);
            };
    in
    {
      # What the module makes of a configuration, for people and tests.
      lib.names = names;
      lib.config = name: vmOf all.${name};
      lib.inspect =
        name:
        let
          vm = vmOf all.${name};
        in
        {
          inherit (vm.nixvf)
            settings
            refusals
            warnings
            hints
            unknown
            ;
          inherit (vm.boot) kernelParams;
          inherit (vm.boot.initrd) availableKernelModules kernelModules;
          bootJson = vm.boot.bootspec.extensions;
          # What stage 1 runs before the store is mounted, or after that.
          storeLayer =
            vm.boot.initrd.systemd.services.nixvf-store-layer.script or vm.boot.initrd.postMountCommands;
          # In the order in which they are mounted.
          fileSystems = map (fs: {
            inherit (fs)
              mountPoint
              device
              fsType
              options
              ;
          }) vm.system.build.fileSystems;
        };

      # From a configuration's name, or null for the only one there is.
      boot =
        name:
        if !(target ? nixosConfigurations) || names == [ ] then
          { kind = "none"; }
        else if name != null then
          boot name
        else if builtins.length names == 1 then
          boot (builtins.head names)
        else
          {
            kind = "several";
            inherit names;
          };
    };
}
