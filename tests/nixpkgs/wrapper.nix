# In the place of the wrapper flake, for looking at what the module makes of a flake's
# configurations.
{
  inputs.target.url = "path:/replaced-by-nixvf-eval";

  outputs =
    { target, ... }:
    let
      all = target.nixosConfigurations;
      inherit (import ./vm.nix) vmOf;
    in
    {
      lib.names = builtins.attrNames all;
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
    };
}
