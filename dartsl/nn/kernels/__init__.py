"""Own kernels for CUDA, in Triton, which torch for CUDA comes with. Only this folder imports Triton."""
