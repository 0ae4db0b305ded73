::core::compile_error! {
    "use `&self`: one instance serves many calls at once"
}
::core::compile_error! {
    "service methods are `async fn`: write `async fn blocking(&self)`"
}
::core::compile_error! {
    "a service has methods only, and no associated constants"
}
pub trait Mistaken {
    fn sound(
        &self,
        a: u8,
    ) -> impl ::core::future::Future<Output = u8> + ::core::marker::Send;
    fn exclusive(&mut self) -> impl ::core::future::Future<Output = ()>
    where
        Self: ::core::marker::Sized;
    fn blocking(&self)
    where
        Self: ::core::marker::Sized;
    const LIMIT: u8;
}
/// The client of [`Mistaken`]; made by `Client::attach`.
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct MistakenClient {
    binding: ::kafka_rpc::__private::v0_1_0::Binding,
}
/// Serves an implementation of [`Mistaken`]; given to a `Server`.
pub struct MistakenServer<S> {
    service: ::kafka_rpc::__private::v0_1_0::Arc<S>,
}
const _: () = {
    enum __Method {
        M0,
    }
    const __METHODS: &[::kafka_rpc::__private::v0_1_0::Method] = &[
        ::kafka_rpc::__private::v0_1_0::Method::new("sound"),
    ];
    const __DESCRIPTOR: &::kafka_rpc::__private::v0_1_0::Descriptor = &::kafka_rpc::__private::v0_1_0::Descriptor::new(
        "Mistaken",
        0u32,
        ::core::option::Option::None,
        ::core::option::Option::None,
        __METHODS,
    );
    #[automatically_derived]
    impl ::kafka_rpc::__private::v0_1_0::ServiceClient for MistakenClient {
        const DESCRIPTOR: &'static ::kafka_rpc::__private::v0_1_0::Descriptor = __DESCRIPTOR;
        fn from_binding(__binding: ::kafka_rpc::__private::v0_1_0::Binding) -> Self {
            Self { binding: __binding }
        }
        fn binding(&self) -> &::kafka_rpc::__private::v0_1_0::Binding {
            &self.binding
        }
    }
    impl MistakenClient {
        /// Calls `sound`.
        pub fn sound(
            &self,
            a: u8,
        ) -> ::kafka_rpc::__private::v0_1_0::Call<
            u8,
            ::kafka_rpc::__private::v0_1_0::RpcError,
        > {
            let mut __arguments = ::kafka_rpc::__private::v0_1_0::Arguments::named(1u32);
            <u8 as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &a,
                "a",
                &mut __arguments,
            );
            <u8 as ::kafka_rpc::__private::v0_1_0::WireType>::call(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M0 as usize) },
                __arguments,
                ::core::option::Option::None,
            )
        }
        /// Calls `exclusive`.
        pub fn exclusive(
            &self,
        ) -> ::kafka_rpc::__private::v0_1_0::Call<
            (),
            ::kafka_rpc::__private::v0_1_0::RpcError,
        > {
            loop {}
        }
        /// Calls `blocking`.
        pub fn blocking(
            &self,
        ) -> ::kafka_rpc::__private::v0_1_0::Call<
            (),
            ::kafka_rpc::__private::v0_1_0::RpcError,
        > {
            loop {}
        }
    }
    impl<S> MistakenServer<S> {
        /// Serves this implementation.
        pub fn new(__service: S) -> Self {
            Self {
                service: ::kafka_rpc::__private::v0_1_0::Arc::new(__service),
            }
        }
    }
    #[automatically_derived]
    impl<S> ::core::fmt::Debug for MistakenServer<S> {
        fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            __f.debug_struct("MistakenServer").finish_non_exhaustive()
        }
    }
    #[automatically_derived]
    impl<
        __S: Mistaken + ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::kafka_rpc::__private::v0_1_0::Service for MistakenServer<__S> {
        fn descriptor(&self) -> &'static ::kafka_rpc::__private::v0_1_0::Descriptor {
            __DESCRIPTOR
        }
        fn dispatch(
            &self,
            __index: usize,
            __bytes: ::kafka_rpc::__private::v0_1_0::Bytes,
        ) -> ::kafka_rpc::__private::v0_1_0::Dispatch {
            let __service = ::core::clone::Clone::clone(&self.service);
            ::kafka_rpc::__private::v0_1_0::Box::pin(async move {
                match __index {
                    __index if __index == __Method::M0 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (u8,),
                            ::kafka_rpc::__private::v0_1_0::Failure,
                        > {
                            let [__argument_0] = ::kafka_rpc::__private::v0_1_0::arguments(
                                __bytes,
                                ["a"],
                            )?;
                            ::core::result::Result::Ok((
                                <u8 as ::kafka_rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_0,
                                    "a",
                                )?,
                            ))
                        }
                        let (__argument_0,) = __decode(&__bytes)?;
                        let __answer = <__S as Mistaken>::sound(&__service, __argument_0)
                            .await;
                        <u8 as ::kafka_rpc::__private::v0_1_0::WireType>::answer(
                            &__answer,
                        )
                    }
                    _ => {
                        ::core::result::Result::Err(
                            ::kafka_rpc::__private::v0_1_0::Failure::Unimplemented,
                        )
                    }
                }
            })
        }
    }
    #[automatically_derived]
    impl<
        __S: Mistaken + ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::kafka_rpc::__private::v0_1_0::ServiceServer for MistakenServer<__S> {
        type Client = MistakenClient;
    }
    const _: ::core::option::Option<(MistakenClient, MistakenServer<()>)> = ::core::option::Option::None;
};
