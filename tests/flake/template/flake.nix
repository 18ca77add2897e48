{
  description = "A NixOS machine for a VM on a Mac: nix run github:nixvf/nixvf -- .#darwinVM";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { nixpkgs, ... }:
    {
      nixosConfigurations.darwinVM = nixpkgs.lib.nixosSystem {
        modules = [
          {
            nixpkgs.hostPlatform = "aarch64-linux";
            networking.hostName = "darwinVM";
            system.stateVersion = "26.05";

            # nixvf boots the kernel itself.
            boot.loader.grub.enable = false;

            # The console needs no password.
            services.getty.autologinUser = "root";

            virtualisation.vmVariant.virtualisation = {
              cores = 4;
              memorySize = 4096; # MiB
              diskSize = 20480; # MiB
            };
          }
        ];
      };
    };
}
